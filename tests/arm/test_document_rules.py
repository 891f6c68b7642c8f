"""What the document, and today's Azure, ask of a scale set that is upgraded automatically."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from tests.arm.bodies import PATCH_OF_THE_DOCUMENT, PROFILE
from tests.arm.client import Api, is_error, load_balancer, scale_set
from tests.stories import (
    NOW,
    a_scale_set,
    document,
    edited,
    publish,
)
from upgrades.commands.upgrade_requirements import NO_HEALTH_SOURCE
from upgrades.commands.upgrades import start
from upgrades.models import ImageSku, LoadBalancer, Location, ScaleSet

pytestmark = pytest.mark.django_db


def test_s10_an_encrypted_disk_is_refused(api: Api) -> None:
    extension = {"name": "ade", "properties": {"publisher": "Microsoft.Azure.Security", "type": "AzureDiskEncryption"}}
    encrypted = edited(document(), f"{PROFILE}.storageProfile.osDisk.encryptionSettings.enabled", "true")
    for body in (document(extensions=[extension]), encrypted):
        is_error(
            api.put(scale_set(), body), 400, "BadRequest", "Azure Disk Encryption", "enableAutomaticOSUpgrade to false"
        )
    assert api.put(scale_set(), document(extensions=[extension], automatic=False)).status == 201
    is_error(api.patch(scale_set(), PATCH_OF_THE_DOCUMENT), 400, "BadRequest", "Azure Disk Encryption")
    assert api.post(f"{scale_set()}/osRollingUpgrade").status == 409, (
        "it has no instances yet: that is all that is wrong"
    )


def test_s21_a_sku_that_is_limited_to_regions_is_refused_elsewhere(api: Api) -> None:
    sku = ImageSku.objects.get(sku="18.04-LTS")
    sku.limited_to.add(Location.objects.get(name="northeurope"))
    body = document(image=("Canonical", "UbuntuServer", "18.04-LTS"))
    is_error(api.put(scale_set(), body), 400, "BadRequest", "not a supported image in westeurope")
    assert api.put(scale_set(), {**body, "location": "northeurope"}).status == 201


def test_s22_a_custom_image_is_refused(api: Api) -> None:
    places = ("images/mine", "galleries/g/images/i", "galleries/g/images/i/versions/1.0.0")
    for place in places:
        id = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/{place}"
        body = edited(document(), f"{PROFILE}.storageProfile.imageReference", {"id": id})
        is_error(api.put(scale_set(), body), 400, "InvalidParameter", "custom images are not supported")


def test_s23_an_unlisted_image_is_refused_with_the_list(api: Api) -> None:
    for automatic in (True, False):
        said = api.put(scale_set(), document(image=("Debian", "debian", "9"), automatic=automatic))
        is_error(said, 400, "BadRequest", *(str(row) for row in ImageSku.objects.all()))


def test_s24_any_other_version_than_latest_is_refused(api: Api) -> None:
    said = api.put(scale_set(), document(version="0.0.1"))
    is_error(said, 400, "BadRequest")
    assert said.message == (
        "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image with version set to 'latest'."
    )
    assert api.put(scale_set(), document(version="0.0.1", automatic=False)).status == 201


def test_s25_s34_without_a_probe_it_is_turned_on_and_one_is_recommended(api: Api) -> None:
    said = api.put(scale_set(), document())
    assert said.status == 201 and "a probe of the application itself" in said.headers["Warning"].lower()
    assert said.headers["Warning"].startswith('299 rollgrid "')
    statuses = api.get(f"{scale_set()}/instanceView")["statuses"]
    assert [status["level"] for status in statuses] == ["Info", "Warning"]
    assert "Warning" not in api.put(scale_set("probed"), document(probe="/health")).headers
    fabric = {"name": "f", "properties": {"publisher": "Microsoft.Azure.ServiceFabric", "type": "ServiceFabricNode"}}
    assert "Warning" not in api.put(scale_set("fabric"), document(extensions=[fabric])).headers


def test_todays_rules_ask_for_a_source_of_health(api: Api) -> None:
    Location.objects.update(rules="current")
    said = api.put(scale_set(), document())
    is_error(said, 400, "BadRequest")
    assert said.message == NO_HEALTH_SOURCE
    assert api.put(scale_set(), document(probe="/health")).status == 201
    assert api.put(scale_set("off"), document(automatic=False)).status == 201


def test_todays_rules_allow_images_of_galleries(api: Api) -> None:
    Location.objects.filter(name="westeurope").update(rules="current")
    sku = ImageSku.objects.create(
        key="rg:gallery:image", publisher="rg", offer="gallery", sku="image", os_type="Linux", gallery=True
    )
    publish("1.0.0", image=("rg", "gallery", "image"))
    id = "/subscriptions/s/resourceGroups/RG/providers/Microsoft.Compute/galleries/Gallery/images/Image"
    body = edited(document(probe="/health"), f"{PROFILE}.storageProfile.imageReference", {"id": id})
    assert api.put(scale_set(), body).status == 201
    assert (ScaleSet.objects.get().sku, ScaleSet.objects.get().image_version) == (sku, "latest")
    pinned = edited(body, f"{PROFILE}.storageProfile.imageReference.id", f"{id}/versions/1.0.0")
    is_error(api.put(scale_set("pinned"), pinned), 400, "BadRequest", "version set to 'latest'")
    unknown = edited(body, f"{PROFILE}.storageProfile.imageReference.id", id.replace("Image", "Other"))
    is_error(api.put(scale_set("unknown"), unknown), 400, "BadRequest", "not a supported image")
    as_platform = document(image=("rg", "gallery", "image"), probe="/health")
    is_error(api.put(scale_set("platform"), as_platform), 400, "BadRequest")
    is_error(api.put(scale_set("there"), {**body, "location": "westus"}), 400, "InvalidParameter", "custom images")
    _check_how_a_gallery_shows(api)
    ubuntu = document()["properties"]["virtualMachineProfile"]["storageProfile"]
    again = api.put(scale_set(), {"properties": {"virtualMachineProfile": {"storageProfile": ubuntu}}})
    assert again.status == 200 and ScaleSet.objects.get(name="web").sku.sku == "16.04-LTS"


def _check_how_a_gallery_shows(api: Api) -> None:
    a_scale_set("machines", model=ScaleSet.objects.get(name="web").document, instances=3, version="1.0.0")
    publish("1.0.1", image=("rg", "gallery", "image"))
    start("fleet/machines", "ada", NOW)
    path = f"/subscriptions/{api.subscription}/resourceGroups/rg/providers/Microsoft.Compute/galleries/gallery/images/image"
    machine = api.get(f"{scale_set('machines')}/virtualMachines/0")["properties"]["storageProfile"]["imageReference"]
    assert machine == {"id": path, "exactVersion": "1.0.0"}
    (attempt,) = api.get(f"{scale_set('machines')}/osUpgradeHistory")["value"]
    target = attempt["properties"]["targetImageReference"]
    assert target == {"id": path, "version": "1.0.1", "exactVersion": "1.0.1"}
    assert api.get("/providers/Microsoft.Compute/virtualMachineScaleSets").status == 200


def test_s26_a_preflight_lists_the_references_of_the_model(api: Api) -> None:
    api.put(load_balancer(), {"location": "westeurope", "properties": {"backendAddressPools": [{"name": "p"}]}})
    balancer = f"/subscriptions/s{load_balancer()}/backendAddressPools/p"
    script = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "settings": {"fileUris": ["https://store.blob.core.windows.net/c/a.sh?sv=1&se=2018-01-01&sig=hunter2"]},
        "protectedSettings": {
            "commandToExecute": "curl 'https://store.blob.core.windows.net/b?sig=hunter2&se=2999-01-01T00:00Z' x"
        },
    }
    body = document(extensions=[{"name": "script", "properties": script}])
    pool = {"name": "ip", "properties": {"loadBalancerBackendAddressPools": [{"id": balancer}]}}
    card = {"name": "nic", "properties": {"ipConfigurations": [pool]}}
    body["properties"]["virtualMachineProfile"]["networkProfile"] = {"networkInterfaceConfigurations": [card]}
    body["properties"]["virtualMachineProfile"]["osProfile"]["secrets"] = [
        {"vaultCertificates": [{"certificateUrl": "https://mine.vault.azure.net/secrets/cert/1"}]}
    ]
    body["properties"]["virtualMachineProfile"]["diagnosticsProfile"] = {
        "bootDiagnostics": {"storageUri": "https://user:hunter2@store.blob.core.windows.net/"}
    }
    api.put(scale_set(), body)
    found = api.get(f"{scale_set()}/preflight")["value"]
    assert {(check["kind"], check["result"]) for check in found} == {
        ("SAS URI", "failed"),
        ("SAS URI", "ok"),
        ("secret", "not checked"),
        ("storage", "not checked"),
        ("resource", "ok"),
        ("provider", "not checked"),
        ("warning", "not checked"),
    }
    assert "hunter2" not in json.dumps(found)
    out = StringIO()
    call_command("preflight", "fleet/web", stdout=out)
    assert "expired at 2018-01-01" in out.getvalue() and "hunter2" not in out.getvalue()
    LoadBalancer.objects.all().delete()
    gone = [check for check in api.get(f"{scale_set()}/preflight")["value"] if check["kind"] == "resource"]
    assert gone[0]["result"] == "failed"
