"""Old versions of a source are deleted by its rule: never what anything refers to, and never what people imported."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.image_sources.trees import ITEM, MADE, PRODUCT, Tree
from tests.stories import NOW, UBUNTU, a_batch, a_scale_set
from upgrades.commands.image_pruning import used_versions
from upgrades.commands.image_sources import check_image_source
from upgrades.commands.importing import import_image
from upgrades.commands.upgrades import start
from upgrades.core.facts import ImageReference
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import (
    AuditEntry,
    ImageSource,
    ImageVersion,
    ImportedImage,
    Instance,
    InstanceUpgrade,
    Location,
    RollingUpgrade,
    ScaleSet,
)
from upgrades.providers.hosts.image_store import ImageStore

pytestmark = [pytest.mark.virtual_machines, pytest.mark.django_db]
VERSIONS = ("22.04.1", "22.04.2", "22.04.3")


class Fleet:
    """A scale set, and a source of the versions that it follows, of which two are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images = folder, folder / "images"
        self.scale_set = a_scale_set(instances=2)
        places = {"images": str(self.images), "folder": str(folder / "machines")}
        Location.objects.filter(pk=self.scale_set.location_id).update(provider="qemu", settings=places)
        self.scale_set.refresh_from_db()
        self.tree = Tree(folder / "tree")
        self.source = ImageSource.objects.create(
            name="ubuntu", sku=self.scale_set.sku, kind="simplestreams", root=str(self.tree.root), product=PRODUCT,
            item=ITEM, version_prefix="22.04", allow_unsigned=True, keep_versions=2,
        )  # fmt: skip
        self.source.locations.add(self.scale_set.location)
        for number in (1, 2):
            self.offer(number)

    def offer(self, number: int) -> str:
        """A new version of the source, which is checked then."""
        disk = self.folder / "disk"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), f"{number}M"], check=True)
        self.tree.images = {str(number): disk.read_bytes()}
        self.tree.write(MADE + timedelta(days=number))
        return self.check()

    def check(self) -> str:
        self.source.refresh_from_db()
        return check_image_source(self.source, lambda: NOW)

    def disk(self, version: str) -> Path:
        return self.images.joinpath(*(name.lower() for name in UBUNTU), version, "disk.qcow2")

    def there(self) -> list[str]:
        return [version for version in VERSIONS if self.disk(version).exists()]


@pytest.fixture
def fleet(settings: Settings, tmp_path: Path) -> Fleet:
    settings.ROLLGRID_HOME = tmp_path / "home"
    settings.ROLLGRID_HOME.mkdir()
    return Fleet(tmp_path)


def test_versions_beyond_the_rule_are_withdrawn_and_deleted(fleet: Fleet) -> None:
    said = fleet.offer(3)
    assert "deleted the old 22.04.1 in westeurope" in said
    assert fleet.there() == ["22.04.2", "22.04.3"]
    withdrawal = ImageVersion.objects.get(version="22.04.1").withdrawal
    assert withdrawal and withdrawal.by == "image source ubuntu"
    file = ImportedImage.objects.get(version="22.04.1")
    assert file.removed_at == NOW and file.sha256, "what it was stays known"
    assert AuditEntry.objects.get(code="ImageRemoved").path == f"{':'.join(UBUNTU)}:22.04.1"
    assert fleet.check().endswith("as before")


def test_a_version_of_an_instance_is_kept(fleet: Fleet) -> None:
    Instance.objects.filter(number=0).update(version="22.04.1")
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)
    assert ImageVersion.objects.get(version="22.04.1").withdrawal is None
    Instance.objects.update(version="22.04.3")
    fleet.check()
    assert fleet.there() == ["22.04.2", "22.04.3"]


def test_all_versions_that_instances_refer_to_are_used() -> None:
    sku = a_scale_set(instances=2).sku
    assert sku
    for column in ("version", "operation_version", "approved_version", "reported_version"):
        assert column not in used_versions(sku)
        Instance.objects.filter(number=0).update(**{column: column})
        assert column in used_versions(sku)


def test_the_version_before_a_last_upgrade_is_kept(fleet: Fleet) -> None:
    """Its OS disk is kept until the next upgrade, and goes back to it."""
    a_batch(start("fleet/web", "me", NOW), {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    Instance.objects.update(version="22.04.2")
    RollingUpgrade.objects.update(status=UpgradeStatus.COMPLETED, ended_at=NOW, pending_at_end=0)
    InstanceUpgrade.objects.update(from_version="22.04.1")
    assert Instance.objects.filter(member__from_version="22.04.1").exists()
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)


def test_a_pinned_version_is_kept(fleet: Fleet) -> None:
    ScaleSet.objects.update(image_version="22.04.1")
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)


def test_a_file_under_a_machine_s_disk_is_kept_by_the_provider(fleet: Fleet) -> None:
    machine = fleet.folder / "machines/rg/set/0"
    machine.mkdir(parents=True)
    overlay = machine / "os-old.qcow2"
    disk = str(fleet.disk("22.04.1"))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", str(overlay)], check=True)
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)
    assert ImportedImage.objects.get(version="22.04.1").removed_at is None
    assert fleet.source.error == ""
    overlay.unlink()
    fleet.check()
    assert fleet.there() == ["22.04.2", "22.04.3"]
    assert not list(fleet.images.rglob(".removed.*"))


def test_files_of_people_are_never_deleted(fleet: Fleet) -> None:
    reference = ImageReference(*UBUNTU, "22.04.1")
    ImportedImage.objects.filter(version="22.04.1").delete()
    import_image(reference, fleet.scale_set.location, fleet.disk("22.04.1"), "", NOW)
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)


def test_an_imported_file_that_a_person_brings_too_is_the_person_s(fleet: Fleet) -> None:
    import_image(ImageReference(*UBUNTU, "22.04.1"), fleet.scale_set.location, fleet.disk("22.04.1"), "", NOW)
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)


def test_a_version_published_elsewhere_by_a_person_is_kept(fleet: Fleet) -> None:
    """It would be withdrawn there too."""
    version = ImageVersion.objects.get(version="22.04.1")
    other = Location.objects.exclude(pk=fleet.scale_set.location_id).first()
    assert other
    version.limited_to.add(other)
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)
    version.limited_to.clear()  # in all
    fleet.check()
    assert fleet.there() == list(VERSIONS)
    assert ImageVersion.objects.get(version="22.04.1").withdrawal is None


def test_all_versions_are_kept_without_a_rule(fleet: Fleet) -> None:
    ImageSource.objects.update(keep_versions=None)
    fleet.offer(3)
    assert fleet.there() == list(VERSIONS)


def test_a_file_that_is_gone_already_is_no_fault(fleet: Fleet) -> None:
    assert ImageStore(fleet.images).remove(ImageReference(*UBUNTU, "9.9.9"), fleet.folder) is False
    assert ImageStore(fleet.images).remove(ImageReference(*UBUNTU, "22.04.1"), fleet.folder / "nowhere") is True
    assert "deleted the old 22.04.1" in fleet.offer(3)
