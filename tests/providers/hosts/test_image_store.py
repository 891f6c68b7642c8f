"""Image versions on a host."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.image_store import ImageStore

IMAGE = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.201809250")


def published(folder: Path, image: ImageReference = IMAGE, content: bytes = b"a disk") -> Path:
    source = folder / "source.qcow2"
    source.write_bytes(content)
    return ImageStore(folder / "images").publish(image, source)


def test_a_published_image_is_found_and_read_only(tmp_path: Path) -> None:
    disk = published(tmp_path)
    store = ImageStore(tmp_path / "images")
    assert disk == tmp_path / "images/canonical/ubuntuserver/16.04-lts/16.04.201809250/disk.qcow2"
    assert store.find(IMAGE) == store.find(replace(IMAGE, publisher="CANONICAL")) == disk
    assert stat.S_IMODE(disk.stat().st_mode) == 0o444
    assert store.version_of(disk) == "16.04.201809250"


def test_an_image_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    published(tmp_path)
    disk = published(tmp_path, content=b"another disk")
    assert disk.read_bytes() == b"a disk"
    assert [path.name for path in disk.parent.parent.iterdir()] == [IMAGE.version]


def test_a_disk_of_another_place_has_no_version(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    assert store.version_of(Path("/var/lib/images/a/b/c/1.0/disk.qcow2")) == ""
    assert store.version_of(tmp_path / "images/a/b/c/1.0/other.qcow2") == ""


def test_an_image_that_is_not_there_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"put its disk at .*16\.04\.201809250/disk\.qcow2") as caught:
        ImageStore(tmp_path).find(IMAGE)
    assert (caught.value.code, caught.value.permanent) == ("ImageNotFound", True)


def test_a_disk_of_another_size_than_published_is_refused(tmp_path: Path) -> None:
    disk = published(tmp_path)
    disk.chmod(0o644)
    disk.write_bytes(b"half")
    with pytest.raises(ProviderError, match="has 4 bytes; its manifest.json says 6 bytes"):
        ImageStore(tmp_path / "images").find(IMAGE)


@pytest.mark.parametrize("name", ["publisher", "offer", "sku", "version"])
@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", "a..b", ".hidden", "a\0b", "a\nb"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, bad: str) -> None:
    image = ImageReference(**{"publisher": "p", "offer": "o", "sku": "s", "version": "1"} | {name: bad})
    with pytest.raises(ProviderError, match="cannot be a folder's name") as caught:
        ImageStore(tmp_path).find(image)
    assert caught.value.permanent
