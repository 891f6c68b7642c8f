"""Images: the one of a version, and the copies that are made of OS disks before they are replaced.

A copy is an image that Incus makes of the stopped instance. That works the same on every kind of storage pool, and a rebuild from it gives
the whole root file system back. It costs the time and the space of a second root file system.
"""

from collections.abc import Iterable

from upgrades.core.facts import ImageReference
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.records import Key, digest
from upgrades.providers.incus.settings import Settings
from upgrades.providers.incus.work import Work, image_path


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


def _missing(settings: Settings, image: ImageReference, problem: str) -> ProviderError:
    message = (
        f"Version {image.version} cannot be found. Project {settings.project} of {settings.place} {problem}. Import it there: "
        f"`incus image import FILE --alias {settings.alias(image)}`."
    )
    return ProviderError("ImageNotFound", message, permanent=True)


async def copy_of_root(work: Work) -> str:
    """The fingerprint of this operation's copy of the stopped machine's root file system, which is made if there is none yet."""
    alias = f"rollgrid-copy/{work.name}/{digest(work.operation.id, 16)}"
    try:
        return str((await work.client.get(f"/1.0/images/aliases/{quoted(alias)}")).body["target"])
    except IncusError as error:
        if error.status != 404:
            raise
    properties: dict[str, str] = {
        Key.SET: work.operation.scale_set.key,
        Key.INSTANCE: work.operation.instance,
        Key.OPERATION: work.operation.id,
        "name": work.name,
    }
    body = {
        "source": {"type": "instance", "name": work.name},
        "properties": properties,
        "aliases": [{"name": alias, "description": "OS disk before the last upgrade"}],
        "compression_algorithm": "none",
        "public": False,
    }
    return str((await work.do("copy the OS disk", lambda: work.client.post("/1.0/images", body)))["fingerprint"])


async def copies(work: Work) -> list[str]:
    """The fingerprints of all copies of this machine's OS disks. Incus looks at all images of the project for that: it takes its time."""
    mine = f"properties.name eq {work.name}"
    images = (await work.client.get("/1.0/images", recursion="1", filter=mine)).body
    wanted = (work.operation.scale_set.key, work.operation.instance)
    return [
        image["fingerprint"]
        for image in images
        if (image["properties"].get(Key.SET), image["properties"].get(Key.INSTANCE)) == wanted
    ]


async def delete_copies(work: Work, fingerprints: Iterable[str]) -> None:
    for fingerprint in fingerprints:
        await work.delete(f"the copy {fingerprint[:12]}", image_path(fingerprint))
