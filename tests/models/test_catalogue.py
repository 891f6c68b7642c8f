"""What the product ships with, and what a name means."""

import pytest

from tests.stories import FIRST_VERSION
from upgrades import catalog
from upgrades.models import ImageSku, ImageVersion, Location

pytestmark = pytest.mark.django_db

EIGHT = {
    "Canonical:UbuntuServer:16.04-LTS",
    "Canonical:UbuntuServer:18.04-LTS",
    "OpenLogic:CentOS:7.5",
    "CoreOS:CoreOS:Stable",
    "MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter",
    "MicrosoftWindowsServer:WindowsServer:2016-Datacenter",
    "MicrosoftWindowsServer:WindowsServer:2016-Datacenter-Smalldisk",
    "MicrosoftWindowsServer:WindowsServer:2016-Datacenter-with-Containers",
}


def test_exactly_the_skus_of_the_document() -> None:
    """S-20"""
    rows = ImageSku.objects.all()
    assert {str(row) for row in rows} == EIGHT and len(rows) == 8
    assert {row.key for row in rows} == {name.lower() for name in EIGHT}
    assert {row.sku for row in rows if row.note} == {"18.04-LTS", "7.5"}, "those with the asterisk"
    assert {row.publisher for row in rows if row.os_type == "Windows"} == {"MicrosoftWindowsServer"}


def test_each_has_a_first_version_everywhere() -> None:
    westeurope = Location.objects.get(name="westeurope")
    assert {row.latest_in(westeurope) for row in ImageSku.objects.all()} == {FIRST_VERSION}
    assert ImageVersion.objects.count() == 8


def test_locations() -> None:
    assert {row.provider for row in Location.objects.all()} == {"simulated"}
    for row in Location.objects.all():
        assert row.name == row.display_name.replace(" ", "").lower()


@pytest.mark.parametrize("name", ["westeurope", "West Europe", "WESTEUROPE", " west europe "])
def test_finding_a_location(name: str) -> None:
    location = catalog.find_location(name)
    assert location and location.name == "westeurope"


@pytest.mark.parametrize("name", ["", "west-europe", "atlantis", "west%"])
def test_finding_no_location(name: str) -> None:
    assert catalog.find_location(name) is None


def test_finding_a_sku() -> None:
    found = catalog.find_sku("CANONICAL", "ubuntuserver", "16.04-Lts")
    assert found and str(found) == "Canonical:UbuntuServer:16.04-LTS"
    assert catalog.find_sku("Canonical", "UbuntuServer", "16.04") is None
    assert catalog.find_sku("Canonical:UbuntuServer", "16.04-LTS", "") is None


def test_versions_are_supported_in_their_locations_only() -> None:
    limited = ImageSku.objects.get(sku="7.5")
    here, elsewhere = (Location.objects.get(name=name) for name in ("eastus", "westeurope"))
    limited.limited_to.add(here, Location.objects.get(name="westus"))
    assert limited.is_supported_in(here) and not limited.is_supported_in(elsewhere)
    assert set(map(str, catalog.supported_skus())) == EIGHT
    assert sorted(map(str, catalog.supported_skus(here))) == sorted(EIGHT)
    assert set(map(str, catalog.supported_skus(elsewhere))) == EIGHT - {str(limited)}
    assert catalog.list_of_skus(elsewhere).count(", ") == 6
    ImageSku.objects.all().delete()
    assert catalog.list_of_skus() == "none"


def test_latest_is_by_location() -> None:
    sku = ImageSku.objects.get(sku="7.5")
    here, there = Location.objects.filter(name__in=["eastus", "westus"]).order_by("name")
    for version, places in (("7.5.9", []), ("7.5.10", [here]), ("7.5.11", [here, there])):
        row = ImageVersion.objects.create(sku=sku, version=version, published_at="2018-09-25T12:00Z")
        row.limited_to.set(places)
    assert sorted(sku.versions_in(there)) == [FIRST_VERSION, "7.5.11", "7.5.9"]
    assert (sku.latest_in(here), sku.latest_in(there)) == ("7.5.11", "7.5.11")
    ImageVersion.objects.filter(version="7.5.11").delete()
    assert (sku.latest_in(here), sku.latest_in(there)) == ("7.5.10", "7.5.9")
