"""Sources are followed by themselves: what is new is imported and published once, and what is wrong is said and kept."""

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.image_sources.conftest import needs_gpg
from tests.image_sources.trees import ITEM, MADE, PRODUCT, Signer, Tree, signer, sums
from tests.management.terminal import run
from tests.stories import NOW, UBUNTU, a_scale_set
from upgrades import image_checks
from upgrades.commands.image_sources import accept_older, check_image_source, due_image_sources, other_queues
from upgrades.commands.images import withdraw_image
from upgrades.core.auditing import Who
from upgrades.core.facts import ImageReference
from upgrades.models import AuditEntry, ImageSource, ImageVersion, ImportedImage, Location, ScaleSet

pytestmark = [pytest.mark.virtual_machines, pytest.mark.django_db]
FIRST, NEXT = "22.04.20240901", "22.04.20241004"


@pytest.fixture(scope="module")
def ubuntu() -> Iterator[Signer]:
    needs_gpg()
    with signer() as found:
        yield found


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Three of them."""
    folder = tmp_path_factory.mktemp("disks")
    found = []
    for number in (1, 2, 3):
        command = ["qemu-img", "create", "-q", "-f", "qcow2", str(folder / "disk"), f"{number}M"]
        subprocess.run(command, check=True)
        found.append((folder / "disk").read_bytes())
    return found


@pytest.fixture
def scale_set(settings: Settings, tmp_path: Path) -> ScaleSet:
    """Of a location that takes image files."""
    settings.ROLLGRID_HOME = tmp_path / "home"
    settings.ROLLGRID_HOME.mkdir()
    row = a_scale_set(instances=2)
    Location.objects.filter(pk=row.location_id).update(provider="qemu", settings={"images": str(tmp_path / "images")})
    row.refresh_from_db()
    return row


@pytest.fixture
def tree(tmp_path: Path, ubuntu: Signer, disks: list[bytes]) -> Tree:
    made = Tree(tmp_path / "tree", ubuntu, {"20240901": disks[0]})
    made.write()
    return made


@pytest.fixture
def source(scale_set: ScaleSet, tree: Tree, ubuntu: Signer) -> ImageSource:
    return a_source(
        scale_set, "ubuntu", kind="simplestreams", root=str(tree.root), product=PRODUCT, item=ITEM,
        version_prefix="22.04", keyring=str(ubuntu.keyring),
    )  # fmt: skip


def a_source(scale_set: ScaleSet, name: str, **values: object) -> ImageSource:
    row = ImageSource.objects.create(name=name, sku=scale_set.sku, **values)
    row.locations.add(scale_set.location)
    return row


def check(row: ImageSource, now: datetime = NOW) -> str:
    row.refresh_from_db()
    said = check_image_source(row, lambda: now)
    row.refresh_from_db()
    return said


def test_a_new_version_is_imported_and_published_once(
    source: ImageSource, tree: Tree, scale_set: ScaleSet, disks: list[bytes], tmp_path: Path
) -> None:
    assert check(source) == f"ubuntu: imported and published {FIRST} in westeurope"
    assert (source.error, source.newest_version, source.checked_at) == ("", FIRST, NOW)
    assert list(ImageVersion.objects.get(version=FIRST).limited_to.all()) == [scale_set.location]
    assert ImportedImage.objects.get().version == FIRST
    entries = AuditEntry.objects.count()
    assert check(source) == f"ubuntu: {FIRST} is its newest version, as before"
    assert AuditEntry.objects.count() == entries
    tree.images["20241004"] = disks[1]
    tree.write(MADE + timedelta(days=1))
    assert check(source) == f"ubuntu: imported and published {NEXT} in westeurope"
    assert scale_set.sku and scale_set.sku.latest_in(scale_set.location) == NEXT
    assert not list((tmp_path / "home" / "image-sources").iterdir())


def test_a_source_that_goes_back_is_refused(source: ImageSource, tree: Tree, disks: list[bytes]) -> None:
    check(source)
    tree.images["20241004"] = disks[1]
    tree.write(MADE - timedelta(hours=1))
    assert "it went back, and is not used" in check(source)
    assert not ImageVersion.objects.filter(version=NEXT).exists()
    tree.write(MADE + timedelta(hours=1))
    check(source)
    assert (source.newest_version, source.error) == (NEXT, "")
    del tree.images["20241004"]
    tree.write(MADE + timedelta(hours=2))
    assert f"its newest version is {FIRST}, and was {NEXT} before" in check(source)


def test_an_older_version_is_taken_up_once_a_person_accepts_it(source: ImageSource, tree: Tree) -> None:
    ImageSource.objects.update(newest_version="99.0")
    assert "an older image is not used" in check(source)
    accept_older(source, NOW)
    assert f"published {FIRST}" in check(source)


def test_an_error_is_kept_since_when_and_ends(source: ImageSource, tree: Tree, disks: list[bytes]) -> None:
    tree.changes = {"sha256": "0" * 64}
    tree.write()
    assert "it was changed or is broken" in check(source)
    check(source, NOW + timedelta(hours=1))
    assert (source.error_since, source.checked_at) == (NOW, NOW + timedelta(hours=1))
    assert source.error == check(source).removeprefix("ubuntu: ")
    assert not ImageVersion.objects.filter(version=FIRST).exists()
    tree.changes = {}
    tree.write()
    check(source)
    assert (source.error, source.error_since) == ("", None)


def test_a_source_without_a_decision_about_signatures_is_not_used(source: ImageSource) -> None:
    ImageSource.objects.update(keyring="")
    assert "neither a keyring nor the permission" in check(source)


def test_an_unsigned_source_is_taken_where_that_is_allowed_and_said(
    source: ImageSource, caplog: pytest.LogCaptureFixture
) -> None:
    ImageSource.objects.update(keyring="", allow_unsigned=True)
    assert f"published {FIRST}" in check(source)
    assert f"nobody has signed {':'.join(UBUNTU)}:{FIRST}" in caplog.text


def test_a_withdrawn_version_is_not_published_again(source: ImageSource) -> None:
    check(source)
    withdraw_image(ImageReference(*UBUNTU, FIRST), NOW, by="ada", reason="it panics")
    assert "as before" in check(source)
    version = ImageVersion.objects.get(version=FIRST)
    assert version.withdrawn_by == "ada"


def test_a_version_that_is_published_already_in_a_newer_one_is_said(source: ImageSource, scale_set: ScaleSet) -> None:
    ImageVersion.objects.create(sku=scale_set.sku, version="99.0", published_at=NOW)
    assert f"{FIRST} is not newer" in check(source)
    assert not ImportedImage.objects.exists()


def test_a_location_that_fails_holds_up_no_other(source: ImageSource, scale_set: ScaleSet) -> None:
    other = Location.objects.exclude(pk=scale_set.location_id).first()
    assert other
    source.locations.add(other)
    said = check(source)
    assert f"{FIRST} could not be imported in {other.name}: the provider simulated takes no image files" in said
    assert list(ImageVersion.objects.get(version=FIRST).limited_to.all()) == [scale_set.location]


def test_a_folder_is_followed(scale_set: ScaleSet, tmp_path: Path, ubuntu: Signer, disks: list[bytes]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "debian-12.1.qcow2").write_bytes(disks[0])
    sums(folder, ubuntu)
    row = a_source(
        scale_set,
        "debian",
        kind="directory",
        root=str(folder),
        pattern="debian-*.qcow2",
        keyring=str(ubuntu.keyring),
    )
    assert "imported and published 12.1" in check(row)


# --- when ---------------------------------------------------------------------------------------------------------


def test_a_source_is_due_at_its_interval_also_after_the_clock_was_set_back(source: ImageSource) -> None:
    assert due_image_sources(NOW) == [source]
    check(source)
    assert due_image_sources(NOW + timedelta(minutes=59)) == []
    assert due_image_sources(NOW + timedelta(minutes=60)) == [source]
    assert due_image_sources(NOW - timedelta(hours=2)) == [source]
    ImageSource.objects.update(enabled=False)
    assert due_image_sources(NOW + timedelta(days=1)) == []


def test_a_source_is_checked_by_the_workers_of_its_locations_queue(
    source: ImageSource, scale_set: ScaleSet, settings: Settings
) -> None:
    Location.objects.filter(pk=scale_set.location_id).update(queue="kvm1")
    assert (due_image_sources(NOW), other_queues()) == ([], {"kvm1"})
    settings.ROLLGRID_QUEUE = "kvm1"
    assert (due_image_sources(NOW), other_queues()) == ([source], set())
    other = Location.objects.exclude(pk=scale_set.location_id).first()
    assert other
    source.locations.add(other)
    assert due_image_sources(NOW) == []
    settings.ROLLGRID_QUEUE = ""
    assert due_image_sources(NOW) == [source]
    assert "run from several hosts (queues none, kvm1)" in check(source)


def test_two_processes_do_not_check_the_same_source(source: ImageSource) -> None:
    ImageSource.objects.update(claimed_until=NOW + timedelta(minutes=2))
    assert "by another process" in check(source)
    assert f"published {FIRST}" in check(source, NOW + timedelta(minutes=3)), "the other one was killed"
    assert source.claimed_until is None


@pytest.mark.django_db(transaction=True)
def test_due_sources_are_checked_aside_and_a_bad_one_holds_up_no_other(
    source: ImageSource, scale_set: ScaleSet
) -> None:
    bad = a_source(scale_set, "bad", kind="directory", root="/nonexistent", pattern="*", allow_unsigned=True)
    for thread in image_checks.check_due_sources(lambda: NOW):
        thread.join(60)
    bad.refresh_from_db()
    source.refresh_from_db()
    assert "is not a folder" in bad.error
    assert source.newest_version == FIRST
    entry = AuditEntry.objects.get(code="ImagePublished", path__endswith=FIRST)
    assert (entry.who, entry.name) == (Who.PLATFORM, "image source ubuntu")


def complaint(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command(*words)
    return str(caught.value)


def test_the_terminal_checks_them_once(source: ImageSource) -> None:
    assert run("check_image_sources").out == f"ubuntu: imported and published {FIRST} in westeurope"
    ImageSource.objects.update(root="/nonexistent")
    assert "something is wrong with ubuntu" in complaint("check_image_sources", "ubuntu")
    assert "there is no source 'nothing'" in complaint("check_image_sources", "nothing")
