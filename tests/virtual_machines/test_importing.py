"""Image files become versions of a host: whole, measured, and never another one than before."""

import hashlib
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.stories import a_scale_set
from upgrades.core.facts import ImageReference
from upgrades.models import ImageSku, ImageVersion, Location
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.image_store import ImageStore

pytestmark = [pytest.mark.virtual_machines, pytest.mark.django_db]
IMAGE = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.9")


def qcow2(path: Path, *options: str, size: str = "1M") -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, size], check=True)
    return path


def raw(path: Path) -> Path:
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(1024))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def test_an_image_is_copied_measured_and_never_changed(store: ImageStore, tmp_path: Path) -> None:
    file = qcow2(tmp_path / "a.qcow2")
    disk = store.take_in(IMAGE, file, sha256(file))
    assert store.find(IMAGE) == disk
    assert disk.stat().st_mode & 0o777 == 0o444
    assert sha256(disk) == sha256(file)
    assert store.take_in(IMAGE, file, "") == disk, "again"
    with pytest.raises(ProviderError, match="A version never changes"):
        store.take_in(IMAGE, qcow2(tmp_path / "b.qcow2", size="2M"), "")
    assert sha256(disk) == sha256(file)
    assert not list(store.folder.rglob(".import.*"))


def test_a_raw_disk_is_converted(store: ImageStore, tmp_path: Path) -> None:
    disk = store.take_in(IMAGE, raw(tmp_path / "a.raw"), "")
    said = subprocess.run(["qemu-img", "info", "--output=json", disk], check=True, capture_output=True, text=True)
    assert '"format": "qcow2"' in said.stdout
    assert store.find(IMAGE) == disk


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-b", "/etc/shadow", "-F", "raw", "-u"), "refers to another file"),
        (("-o", "data_file=data.raw,data_file_raw=on"), "refers to another file"),
        (("--object", "secret,id=s,data=abc", "-o", "encrypt.format=aes,encrypt.key-secret=s"), "encrypted"),
    ],
)
def test_a_disk_that_is_not_whole_is_refused(
    options: tuple[str, ...], says: str, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProviderError, match=says):
        store.take_in(IMAGE, qcow2(tmp_path / "a.qcow2", *options), "")
    assert not list(store.folder.rglob("*.qcow2"))


def test_a_file_without_a_disk_is_refused(store: ImageStore, tmp_path: Path) -> None:
    page = tmp_path / "a.img"
    page.write_text("<html>404</html>")
    with pytest.raises(ProviderError, match="neither a boot sector nor"):
        store.take_in(IMAGE, page, "")
    whole = qcow2(tmp_path / "whole.qcow2")
    with pytest.raises(ProviderError, match="was not downloaded whole"):
        store.take_in(IMAGE, whole, "0" * 64)
    with pytest.raises(ProviderError, match="cannot be copied"):
        store.take_in(IMAGE, tmp_path / "nothing", "")
    assert not list(store.folder.rglob("*.qcow2"))


@pytest.fixture
def location(settings: Settings, tmp_path: Path) -> Location:
    settings.ROLLGRID_HOME = tmp_path
    row = a_scale_set(instances=1).location
    Location.objects.filter(pk=row.pk).update(provider="qemu", settings={"images": str(tmp_path / "images")})
    return row


def import_image(*words: object) -> str:
    out = StringIO()
    call_command("import_image", *map(str, words), stdout=out)
    return out.getvalue()


def test_the_command_imports_and_publishes(location: Location, store: ImageStore, tmp_path: Path) -> None:
    file = qcow2(tmp_path / "a.qcow2")
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  other.qcow2\n{sha256(file)} *a.qcow2\n")
    words = (file, "Canonical", "UbuntuServer", "16.04-LTS", "16.04.9", "--location", location.name)
    said = import_image(*words, "--sha256sums", sums)
    assert f"published it in {location.name}; scale sets that follow it: 1" in said
    assert store.find(IMAGE)
    version = ImageVersion.objects.get(version="16.04.9")
    assert list(version.limited_to.all()) == [location]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sha256", "abc"), "a sha256 is 64 hexadecimal digits"),
        (("--sha256", "0" * 64), "WrongChecksum"),
        (("--sha256sums", "/dev/null"), "/dev/null does not name a.qcow2"),
        (("--location", "nowhere"), "there is no location 'nowhere'"),
    ],
)
def test_nothing_is_published_where_the_import_fails(
    words: tuple[str, ...], says: str, location: Location, tmp_path: Path
) -> None:
    file = qcow2(tmp_path / "a.qcow2")
    place = () if "--location" in words else ("--location", location.name)
    with pytest.raises(CommandError, match=says):
        import_image(file, "Canonical", "UbuntuServer", "16.04-LTS", "16.04.9", *place, *words)
    assert not ImageVersion.objects.filter(version="16.04.9").exists()
    assert ImageSku.objects.exists()


def test_a_provider_without_image_files_says_so(location: Location, tmp_path: Path) -> None:
    Location.objects.update(provider="simulated", settings={})
    with pytest.raises(CommandError, match="the provider simulated takes no image files"):
        import_image(
            raw(tmp_path / "a.raw"), "Canonical", "UbuntuServer", "16.04-LTS", "16.04.9", "--location", location.name
        )
