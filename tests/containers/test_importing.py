"""Image files become images of Incus: measured, with the alias of their version, and never others than before."""

import gzip
import hashlib
import io
import platform
import tarfile
from dataclasses import replace
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from pytest_django import Settings

from tests.containers.incus import Incus
from tests.providers.contract import create, delete, done
from tests.stories import a_scale_set
from upgrades.core.facts import ImageReference
from upgrades.models import ImageVersion, Location
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference, TakesImages
from upgrades.providers.incus.demo.tiny_image import Kind, tiny_image


@pytest.fixture
def image() -> ImageReference:
    """Of a SKU of its own: the daemon is shared."""
    return ImageReference("Canonical", "UbuntuServer", f"S{uuid4().hex[:8]}", "1.0.0")


def packed(folder: Path, version: str) -> Path:
    file = folder / f"{version}.tar.gz"
    # No two tests import the same content: an image is known by it.
    ballast = uuid4().bytes
    file.write_bytes(gzip.compress(tiny_image(version, Kind.GOOD, architecture=platform.machine(), ballast=ballast), 1))
    return file


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def give(incus: Incus, image: ImageReference, file: Path, checksum: str = "", **settings: object) -> str:
    async def story(provider: Provider) -> str:
        assert isinstance(provider, TakesImages)
        return await provider.import_image(image, file, checksum)

    return incus.play(story, **settings)


def images(incus: Incus) -> set[str]:
    return {str(each["fingerprint"]) for each in incus.ask("GET", "/1.0/images?recursion=1")}


def aliases(incus: Incus, image: ImageReference) -> dict[str, str]:
    found = incus.ask("GET", "/1.0/images/aliases?recursion=1")
    return {each["name"]: each["target"] for each in found if f"/{image.sku.lower()}/" in each["name"]}


def test_an_image_gets_the_alias_of_its_version_and_never_changes(
    incus: Incus, image: ImageReference, tmp_path: Path
) -> None:
    file, other = packed(tmp_path, "1.0.0"), packed(tmp_path, "1.0.1")
    alias = f"rollgrid/canonical/ubuntuserver/{image.sku.lower()}/1.0.0"
    assert give(incus, image, file, sha256(file).upper()) == f"{alias} of {incus.socket}"
    assert aliases(incus, image) == {alias: sha256(file)}
    about = incus.ask("GET", f"/1.0/images/{sha256(file)}")
    assert about["properties"]["rollgrid.imported"] == alias
    before = images(incus)
    give(incus, image, file)
    with pytest.raises(ProviderError, match="A version never changes"):
        give(incus, image, other)
    assert (images(incus), aliases(incus, image)) == (before, {alias: sha256(file)})


def test_of_an_import_that_fails_nothing_is_left(incus: Incus, image: ImageReference, tmp_path: Path) -> None:
    before = images(incus)
    file, page = packed(tmp_path, "1.0.0"), tmp_path / "page.tar.xz"
    page.write_text("<html>404</html>")
    with pytest.raises(ProviderError, match="was not downloaded whole"):
        give(incus, image, file, "0" * 64)
    with pytest.raises(ProviderError, match="Incus does not take"):
        give(incus, image, page)
    with pytest.raises(ProviderError, match="cannot be read"):
        give(incus, image, tmp_path / "nothing")
    with pytest.raises(ProviderError, match="is an image for a container, and machines of this location"):
        give(incus, image, file, kind="virtual-machine")
    assert (images(incus), aliases(incus, image)) == (before, {})


def test_an_image_that_is_there_already_only_gets_the_alias(
    incus: Incus, image: ImageReference, tmp_path: Path
) -> None:
    file = packed(tmp_path, "1.0.0")
    incus.ask("POST", "/1.0/images", data=file.read_bytes())
    give(incus, image, file)
    assert list(aliases(incus, image).values()) == [sha256(file)]


def split(folder: Path) -> tuple[Path, Path]:
    """An image in two files, as Incus' image server has them."""
    metadata, root = folder / "incus.tar.xz", folder / "rootfs.tar.xz"
    whole = io.BytesIO(tiny_image("1.0.0", Kind.GOOD, architecture=platform.machine(), ballast=uuid4().bytes))
    with (
        tarfile.open(fileobj=whole) as source,
        tarfile.open(metadata, "w:xz", preset=0) as first,
        tarfile.open(root, "w:xz", preset=0) as second,
    ):
        for member in source:
            content = source.extractfile(member) if member.isreg() else None
            to = second if member.name.startswith("rootfs/") else first
            member.name = member.name.removeprefix("rootfs/")
            to.addfile(member, content)
    return metadata, root


def test_an_image_in_two_files_makes_machines(
    incus: Incus, image: ImageReference, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    metadata, root = split(tmp_path)

    async def story(provider: Provider) -> None:
        assert isinstance(provider, TakesImages)
        for _ in range(2):
            await provider.import_split_image(image, metadata, root)
        await done(provider, replace(create(scale_set, "0"), image=image))
        await done(provider, delete(scale_set, "0"))
        assert await provider.remove_image(image)

    incus.play(story)
    assert not aliases(incus, image)


def removed(incus: Incus, image: ImageReference) -> bool:
    async def story(provider: Provider) -> bool:
        assert isinstance(provider, TakesImages)
        return await provider.remove_image(image)

    return incus.play(story)


def test_an_imported_image_is_removed_unless_a_machine_has_it(
    incus: Incus, image: ImageReference, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    file = packed(tmp_path, "1.0.0")
    give(incus, image, file)
    operation = replace(create(scale_set, "0"), image=image)
    incus.play(lambda provider: done(provider, operation))
    with pytest.raises(ProviderError, match="is in use: the instance rg-"):
        removed(incus, image)
    incus.play(lambda provider: done(provider, delete(scale_set, "0")))
    assert removed(incus, image) is True
    assert sha256(file) not in images(incus) and not aliases(incus, image)
    assert removed(incus, image) is False


def test_a_foreign_image_is_not_removed(incus: Incus, image: ImageReference, tmp_path: Path) -> None:
    file = packed(tmp_path, "1.0.0")
    incus.ask("POST", "/1.0/images", data=file.read_bytes())
    give(incus, image, file)
    with pytest.raises(ProviderError, match="was not imported by Rollgrid"):
        removed(incus, image)
    assert sha256(file) in images(incus) and aliases(incus, image)


def test_an_image_with_another_alias_only_loses_ours(incus: Incus, image: ImageReference, tmp_path: Path) -> None:
    file = packed(tmp_path, "1.0.0")
    give(incus, image, file)
    name = f"mine-{image.sku}"
    incus.ask("POST", "/1.0/images/aliases", {"name": name, "target": sha256(file)})
    assert removed(incus, image) is True
    assert sha256(file) in images(incus) and not aliases(incus, image)


@pytest.mark.django_db
def test_the_command_imports_and_publishes(incus: Incus, settings: Settings, tmp_path: Path) -> None:
    settings.ROLLGRID_HOME = tmp_path
    location = a_scale_set(instances=1).location
    Location.objects.update(provider="incus", settings=incus.settings())
    version, file, out = f"16.04.{uuid4().int % 10**6 + 10}", packed(tmp_path, "1.0.0"), StringIO()
    words = (str(file), "Canonical", "UbuntuServer", "16.04-LTS", version, "--location", location.name)
    call_command("import_image", *words, "--sha256", sha256(file), stdout=out)
    assert f"published it in {location.name}; scale sets that follow it: 1" in out.getvalue()
    assert incus.fingerprint(version) == sha256(file)
    assert list(ImageVersion.objects.get(version=version).limited_to.all()) == [location]
