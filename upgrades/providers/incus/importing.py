"""Image files become images of Incus, each with the alias of its version. Incus measures them: a fingerprint is the file's sha256."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote_plus

from aiohttp import FormData

from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.records import Key
from upgrades.providers.incus.settings import Settings
from upgrades.providers.incus.work import image_path

MARK = "rollgrid.imported"  # a property of the images that were imported here, with the alias that each was given


async def import_image(
    client: IncusClient, settings: Settings, image: ImageReference, files: Sequence[Path], sha256: str
) -> str:
    """As in base.py, TakesImages: one tar with metadata.yaml and the root file system, packed or not, or a file for each."""
    file = files[-1]
    found = await asyncio.to_thread(_sha256, files)
    if sha256 and found != sha256.lower():
        message = (
            f"{file} has the sha256 {found}, not {sha256.lower()}: it is another file, or was not downloaded whole."
        )
        raise ProviderError("WrongChecksum", message, permanent=True)
    alias = settings.alias(image)
    if await _has_alias(client, settings, alias, found):
        return _place(settings, alias)
    was_there = await _image(client, found)
    if was_there is None:
        await _upload(client, settings, alias, files)
    try:
        await _check(client, settings, file, found)
        await _add_alias(client, settings, alias, found)
    except BaseException:
        if was_there is None:
            await _delete(client, found)
        raise
    return _place(settings, alias)


async def _has_alias(client: IncusClient, settings: Settings, alias: str, fingerprint: str) -> bool:
    """Raises ProviderError where it is another image's."""
    target = await target_of(client, alias)
    if target not in ("", fingerprint):
        message = (
            f"The image {target[:12]} of {settings.place} has the alias {alias} already, and this one is {fingerprint[:12]}. "
            "A version never changes: give this one a new number."
        )
        raise ProviderError("ImageExists", message, permanent=True)
    return bool(target)


async def target_of(client: IncusClient, alias: str) -> str:
    """The fingerprint of the image that has the alias, "" where there is none."""
    try:
        return str((await client.get(f"/1.0/images/aliases/{quoted(alias)}")).body["target"])
    except IncusError as error:
        if error.status != 404:
            raise
        return ""


async def _image(client: IncusClient, fingerprint: str) -> Any:
    try:
        return (await client.get(image_path(fingerprint))).body
    except IncusError as error:
        if error.status != 404:
            raise
        return None


async def _upload(client: IncusClient, settings: Settings, alias: str, files: Sequence[Path]) -> None:
    file, properties = files[-1], f"{MARK}={quote_plus(alias)}"
    try:
        with ExitStack() as opened:
            contents = [opened.enter_context(each.open("rb")) for each in files]
            operation = (await client.upload_image(_form(settings, contents), properties)).operation
        while await client.wait(operation) is None:
            pass
    except OSError as error:
        raise ProviderError("ImageUnreadable", f"{file} cannot be read: {error}", permanent=True) from error
    except IncusError as error:
        message = f"Incus does not take {file} as an image: {error.message}"
        raise ProviderError("ImageUnfit", message, permanent=True) from None


def _form(settings: Settings, contents: Sequence[BinaryIO]) -> BinaryIO | FormData:
    if len(contents) == 1:
        return contents[0]
    metadata, root = contents
    form = FormData()
    form.add_field("metadata", metadata, filename="metadata", content_type="application/octet-stream")
    name = "rootfs.img" if settings.kind == "virtual-machine" else "rootfs"
    form.add_field(name, root, filename=name, content_type="application/octet-stream")
    return form


async def _check(client: IncusClient, settings: Settings, file: Path, fingerprint: str) -> None:
    """The image has come whole, and machines of this location can be made of it."""
    image = await _image(client, fingerprint)
    if image is None:
        raise ProviderError("WrongChecksum", f"{file} was changed while it was uploaded: try again.", permanent=False)
    if image["type"] != settings.kind:
        message = (
            f"{file} is an image for a {image['type']}, and machines of this location are of the kind {settings.kind}."
        )
        raise ProviderError("ImageUnfit", message, permanent=True)


async def _add_alias(client: IncusClient, settings: Settings, alias: str, fingerprint: str) -> None:
    try:
        await client.post("/1.0/images/aliases", {"name": alias, "target": fingerprint})
    except IncusError:  # somebody else may have given it meanwhile
        if not await _has_alias(client, settings, alias, fingerprint):
            raise


async def _delete(client: IncusClient, fingerprint: str) -> None:
    try:
        operation = (await client.delete(image_path(fingerprint))).operation
        while await client.wait(operation) is None:
            pass
    except (IncusError, ProviderError):  # what went wrong before is what people have to know
        return


async def remove_image(client: IncusClient, settings: Settings, image: ImageReference) -> bool:
    """As in base.py, TakesImages. An image that somebody else has brought stays, and one with other aliases only loses this one."""
    alias = settings.alias(image)
    fingerprint = await target_of(client, alias)
    found = await _image(client, fingerprint) if fingerprint else None
    if found is None:
        return False
    if found["properties"].get(MARK) != alias:
        message = f"The image {alias} of {settings.place} was not imported by Rollgrid, and is left alone."
        raise ProviderError("ForeignImage", message, permanent=True)
    await _refuse_used(client, settings, alias, fingerprint)
    has_others = any(other["name"] != alias for other in found["aliases"])
    path = f"/1.0/images/aliases/{quoted(alias)}" if has_others else image_path(fingerprint)
    if operation := (await client.delete(path)).operation:
        while await client.wait(operation) is None:
            pass
    return True


async def _refuse_used(client: IncusClient, settings: Settings, alias: str, fingerprint: str) -> None:
    """Raises ProviderError where a machine is on the image, keeps a copy of a disk of it, or is on its way to it.

    While an instance starts or stops, Incus may list it without its configuration: then nobody knows.
    """
    for each in (await client.get("/1.0/instances", recursion="1")).body:
        config = each.get("config") or {}
        disks = [str(config.get(key, "")) for key in (Key.OS, Key.KEPT, Key.TARGET, Key.SAVED)]
        if not config or any(fingerprint in disk for disk in disks):
            message = f"The image {alias} of {settings.place} is in use: the instance {each['name']} has it, or may go back to it."
            raise ProviderError("ImageInUse", message, permanent=False)


def _place(settings: Settings, alias: str) -> str:
    return f"{alias} of {settings.place}"


def _sha256(files: Sequence[Path]) -> str:
    """Of one after the other, as Incus does it."""
    digest = hashlib.sha256()
    try:
        for path in files:
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)
    except OSError as error:
        raise ProviderError("ImageUnreadable", f"{files[-1]} cannot be read: {error}", permanent=True) from error
    return digest.hexdigest()
