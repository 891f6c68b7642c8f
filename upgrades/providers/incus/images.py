"""The images of versions: they are found by their aliases."""

from upgrades.core.facts import ImageReference
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.settings import Settings


async def fingerprint_of(client: IncusClient, settings: Settings, operation: Operation) -> str:
    """Of the operation's image. Raises ProviderError ImageNotFound."""
    assert operation.image, "CREATE and REIMAGE have an image"
    try:
        return await fingerprint_of_image(client, settings, operation.image)
    except ProviderError as error:
        raise ProviderError(
            error.code, f"Instance {operation.instance}: {error.message}", permanent=error.permanent
        ) from None


async def fingerprint_of_image(client: IncusClient, settings: Settings, image: ImageReference) -> str:
    """Raises ProviderError ImageNotFound."""
    alias = settings.alias(image)
    try:
        found = (await client.get(f"/1.0/images/aliases/{quoted(alias)}")).body
    except IncusError as error:
        if error.status != 404:
            raise
        raise _missing(settings, image, f"has no image with the alias {alias}") from None
    if found["type"] != settings.kind:
        problem = f"has an image with the alias {alias} for a {found['type']}, not for a {settings.kind}"
        raise _missing(settings, image, problem)
    return str(found["target"])


async def version_of(client: IncusClient, settings: Settings, fingerprint: str) -> str:
    """The version whose image this is, by its alias; "" for none."""
    try:
        aliases = (await client.get(f"/1.0/images/{quoted(fingerprint)}")).body["aliases"]
    except IncusError as error:
        if error.status != 404:
            raise
        return ""
    found = (settings.version_in(each["name"]) for each in aliases)
    return next((version for version in found if version), "")


def _missing(settings: Settings, image: ImageReference, problem: str) -> ProviderError:
    message = (
        f"Version {image.version} cannot be found. Project {settings.project} of {settings.place} {problem}. Import it there: "
        f"`incus image import FILE --alias {settings.alias(image)}`."
    )
    return ProviderError("ImageNotFound", message, permanent=True)
