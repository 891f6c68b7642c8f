"""The image catalogue over the API: bare arrays."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tests.arm.client import Api, is_error
from tests.stories import FIRST_VERSION, NOW, publish
from upgrades.commands.images import withdraw_image
from upgrades.core.facts import ImageReference
from upgrades.models import ImageSku, Location

pytestmark = pytest.mark.django_db
L = "/providers/Microsoft.Compute/locations/westus"
OFFERS = f"{L}/publishers/Canonical/artifacttypes/vmimage/offers"
VERSIONS = f"{OFFERS}/UbuntuServer/skus/16.04-LTS/versions"
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


def names(api: Api, path: str) -> list[str]:
    said = api.get(path)
    assert said.status == 200 and isinstance(said.body, list), said
    for image in said.body:
        assert image["location"] == "westus" and image["id"].endswith(f"/{image['name']}"), image
    return [image["name"] for image in said.body]


def walk(api: Api) -> set[str]:
    """publishers -> offers -> skus, as the clients walk."""
    found = set()
    for publisher in names(api, f"{L}/publishers"):
        offers = f"{L}/publishers/{publisher}/artifacttypes/vmimage/offers"
        for offer in names(api, offers):
            found |= {f"{publisher}:{offer}:{sku}" for sku in names(api, f"{offers}/{offer}/skus")}
    return found


def test_s20_the_catalogue_lists_exactly_these_eight(api: Api, admin_client: Client) -> None:
    """And what an admin adds."""
    assert walk(api) == EIGHT
    form = {"publisher": "Debian", "offer": "debian", "sku": "9", "os_type": "Linux"}
    assert admin_client.post("/admin/upgrades/imagesku/add/", form).status_code == 302
    assert walk(api) == {*EIGHT, "Debian:debian:9"}


def test_s21_versions_limited_to_regions_are_listed_there_only(api: Api) -> None:
    ImageSku.objects.get(sku="18.04-LTS").limited_to.add(Location.objects.get(name="eastus"))
    assert walk(api) == EIGHT - {"Canonical:UbuntuServer:18.04-LTS"}


def test_s55_versions_are_a_bare_array(api: Api) -> None:
    """The document's path, as it stands there."""
    publish("16.04.201809250")
    said = api.get(f"{VERSIONS}?api-version=2018-10-01")
    assert said.body == [
        {
            "name": version,
            "location": "westus",
            "id": f"/Subscriptions/{api.subscription}/Providers/Microsoft.Compute/Locations/westus/Publishers/Canonical"
            f"/ArtifactTypes/VMImage/Offers/UbuntuServer/Skus/16.04-LTS/Versions/{version}",
        }
        for version in (FIRST_VERSION, "16.04.201809250")
    ]


def test_s56_publisher_offer_and_sku_in_any_case(api: Api) -> None:
    """Get-AzureRmVmImage -Location westus -PublisherName Canonical -Offer UbuntuServer -Skus 16.04-LTS"""
    path = "/providers/microsoft.compute/locations/West%20US/publishers/canonical/artifactTypes/VMImage/offers"
    assert names(api, f"{path}/ubuntuserver/skus/16.04-lts/versions") == [FIRST_VERSION]


def test_s57_az_vm_image_list_and_show(api: Api) -> None:
    publish("16.04.201809250")
    assert "Canonical" in names(api, f"{L}/publishers")
    assert names(api, OFFERS) == ["UbuntuServer"]
    assert names(api, f"{OFFERS}/UbuntuServer/skus") == ["16.04-LTS", "18.04-LTS"]
    listed = api.get(f"{VERSIONS}?$expand=properties/imageDeprecationStatus&api-version=2024-07-01").body
    assert [version["properties"]["imageDeprecationStatus"]["imageState"] for version in listed] == ["Active", "Active"]
    (newest,) = api.get(f"{VERSIONS}?$expand=properties&$orderby=name%20desc&$top=1").body
    assert newest["name"] == "16.04.201809250"
    shown = api.get(f"{VERSIONS}/16.04.201809250").body
    assert shown["properties"]["automaticOSUpgradeProperties"] == {"automaticOSUpgradeSupported": True}
    assert shown["properties"]["osDiskImage"] == {"operatingSystem": "Linux"}


def test_versions_are_numbers(api: Api) -> None:
    for version in ("16.04.825", "16.04.1006"):
        publish(version)
    assert names(api, VERSIONS) == [FIRST_VERSION, "16.04.825", "16.04.1006"]
    assert names(api, f"{VERSIONS}?$orderby=name%20desc") == ["16.04.1006", "16.04.825", FIRST_VERSION]
    assert names(api, f"{VERSIONS}?$top=0") == []


def test_versions_of_the_location(api: Api) -> None:
    publish("16.04.825", locations=["eastus"])
    assert names(api, VERSIONS) == [FIRST_VERSION]
    is_error(api.get(f"{VERSIONS}/16.04.825"), 404, "NotFound", "VMImage was not found")


def test_a_version_that_was_withdrawn_is_listed_no_more_and_says_that_it_is_deprecated(api: Api) -> None:
    publish("16.04.201808140")
    reference = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.201808140")
    withdraw_image(reference, NOW, by="eve", reason="it panics")
    assert names(api, VERSIONS) == [FIRST_VERSION]
    said = api.get(f"{VERSIONS}/16.04.201808140")
    assert said.body["properties"]["imageDeprecationStatus"] == {"imageState": "Deprecated"}
    said = api.get(f"{VERSIONS}/{FIRST_VERSION}")
    assert said.body["properties"]["imageDeprecationStatus"] == {"imageState": "Active"}


def test_images_of_galleries_are_no_platform_images(api: Api) -> None:
    ImageSku.objects.create(key="rg:g:i", publisher="rg", offer="g", sku="i", os_type="Linux", gallery=True)
    assert walk(api) == EIGHT


@pytest.mark.parametrize(
    "path",
    [
        f"{L}/publishers/Nobody/artifacttypes/vmimage/offers",
        f"{OFFERS}/Nothing/skus",
        f"{OFFERS}/UbuntuServer/skus/14.04/versions",
        f"{VERSIONS}/1.2.3",
        f"{OFFERS}/UbuntuServer/skus/{quote('16.04-LTS:x', safe='')}/versions",
    ],
)
def test_unknown_images_are_not_found(api: Api, path: str) -> None:
    is_error(api.get(path), 404, "NotFound", "VMImage was not found", "There are: ")


@pytest.mark.parametrize("query", ["$top=many", "$top=-1", "$top=%D9%A3", "$orderby=size", "$orderby="])
def test_unknown_parameters_of_lists_are_refused(api: Api, query: str) -> None:
    is_error(api.get(f"{VERSIONS}?{query}"), 400, "InvalidParameter", query.split("=")[0])


def test_an_unknown_location(api: Api) -> None:
    said: Any = api.get("/providers/Microsoft.Compute/locations/atlantis/publishers")
    is_error(said, 400, "LocationNotAvailableForResourceType", "atlantis")


def test_an_unknown_version_is_refused_with_the_versions_of_its_sku(api: Api) -> None:
    for number in range(12):
        publish(f"16.04.2018092{number:02}")
    said = api.get(f"{VERSIONS}/9.9.9")
    is_error(said, 404, "NotFound", "no version '9.9.9'", "16.04.201809211, 16.04.201809210", "older ones")
    assert "WindowsServer" not in said.message
