"""What automatic upgrades require of Service Fabric, Windows and placement groups, at the PUT of a scale set."""

from datetime import timedelta
from typing import Any

import pytest

from tests.stories import NOW, UBUNTU, WINDOWS, a_scale_set, document, edited, health_extension, publish, refused
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.resources import change_resource
from upgrades.commands.scale_sets import set_model
from upgrades.core import service_fabric
from upgrades.core.decide import decide
from upgrades.core.filling import filled
from upgrades.core.steps import StartUpgrade
from upgrades.models import Location, ScaleSet
from upgrades.orchestrator.observe import observe

LATER = NOW + timedelta(minutes=1)
BALANCER = "/subscriptions/s/resourceGroups/fleet/providers/Microsoft.Network/loadBalancers/lb"
PROBE = f"{BALANCER}/probes/health"
PROFILE = "properties.virtualMachineProfile"

pytestmark = pytest.mark.django_db


def balancer(sku: str = "", *, rule: str = "", protocol: str = "Http") -> dict[str, Any]:
    """A load balancer with the probe `health`, by which the rule of this name steers traffic."""
    probe = {"protocol": protocol, "port": 80, "requestPath": "/", "intervalInSeconds": 15}
    rules = (
        [{"name": rule, "properties": {"protocol": "Tcp", "frontendPort": 80, "probe": {"id": PROBE}}}] if rule else []
    )
    body = {"probes": [{"name": "health", "properties": probe}], "loadBalancingRules": rules}
    return {"location": "westeurope", **({"sku": {"name": sku}} if sku else {}), "properties": body}


def node_type(durability: str = "Silver", version: str = "1.1", cluster: str = "", **changes: Any) -> dict[str, Any]:
    """A scale set's document that is the node type nt0 of this cluster ("group/name")."""
    endpoint = f"https://servicefabric.invalid/runtime/clusters/{service_fabric.cluster_id(cluster)}" if cluster else ""
    settings = {"durabilityLevel": durability, "nodeTypeRef": "nt0", "clusterEndpoint": endpoint}
    properties = {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricNode",
        "typeHandlerVersion": version,
    }
    extension = {"name": "fabric", "properties": {**properties, "settings": settings}}
    return document(extensions=[extension, *changes.pop("extensions", ())], **changes)


def put_cluster(durability: str, *, is_stateless: bool = False) -> None:
    types = [{"name": "nt0", "durabilityLevel": durability, "isStateless": is_stateless}]
    body = {"location": "westeurope", "properties": {"nodeTypes": types}}
    change_resource("fleet/Microsoft.ServiceFabric/clusters/fabric", lambda row: body, NOW)


# --- Service Fabric ---------------------------------------------------------------------------------------------------


def test_a_node_type_of_bronze_is_refused_and_may_be_kept_without_automatic_upgrades() -> None:
    """S-41"""
    with refused("OperationNotAllowed", "durability Silver or higher") as caught:
        set_model("fleet/web", node_type("Bronze"), NOW)
    assert caught.value.target == f"{PROFILE}.extensionProfile.extensions[0].properties.settings.durabilityLevel"
    set_model("fleet/web", node_type("Bronze", automatic=False), NOW)
    with refused("OperationNotAllowed", "durability Silver or higher"):
        set_model("fleet/web", node_type("Bronze"), LATER)
    assert set_model("fleet/web", node_type("Silver"), LATER).scale_set.update_domains == 5


def test_a_node_type_that_does_not_match_its_cluster_is_refused() -> None:
    """A-34"""
    put_cluster("Gold")
    with refused("OperationNotAllowed", "VMSS Durability Silver does not match"):
        set_model("fleet/web", node_type("Silver", cluster="fleet/fabric"), NOW)
    set_model("fleet/web", node_type("Gold", cluster="fleet/fabric"), NOW)
    # The cluster is another one now. What is stored already may stay, until the extension changes.
    put_cluster("Silver")
    set_model("fleet/web", node_type("Gold", cluster="fleet/fabric", capacity=5), LATER)
    with refused("OperationNotAllowed", "VMSS Durability Gold does not match"):
        set_model("fleet/web", node_type("Gold", version="1.2", cluster="fleet/fabric"), LATER)


def test_todays_rules_allow_stateless_node_types_of_bronze_and_no_probe() -> None:
    """A-34"""
    put_cluster("Bronze", is_stateless=True)
    put_load_balancer("fleet/lb", balancer(), NOW)
    body = node_type("Bronze", cluster="fleet/fabric", extensions=[health_extension()])
    with refused("OperationNotAllowed", "durability Silver or higher"):
        set_model("fleet/web", body, NOW)
    Location.objects.update(rules=Location.Rules.CURRENT)
    assert set_model("fleet/web", body, NOW).created
    with refused("BadRequest", "not supported as the source of health of a Service Fabric node type"):
        set_model("fleet/other", node_type(probe_id=PROBE), NOW)


def test_a_node_type_from_before_these_rules_goes_on_and_can_be_opted_out() -> None:
    row = a_scale_set(model=node_type("Silver"))
    ScaleSet.objects.update(document=node_type("Bronze"))
    set_model("fleet/web", node_type("Bronze", capacity=5), LATER)
    set_model("fleet/web", node_type("Bronze", automatic=False), LATER)
    row.refresh_from_db()
    assert not row.automatic_upgrade


# --- sizes and systems -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [UBUNTU, WINDOWS])
@pytest.mark.parametrize(
    "size", ["Standard_B1s", "Standard_D2s_v3", "Basic_A0", "Standard_M416ms_v2", "standard_nc6", "Our_Own_7"]
)
def test_machines_of_any_size_and_system_follow_the_newest_image(size: str, image: tuple[str, str, str]) -> None:
    """S-4"""
    row = a_scale_set(model=edited(document(image=image), "sku.name", size), instances=3)
    publish("9.9.9", image=image)
    step = decide(observe(row.pk, NOW).facts, NOW)
    assert isinstance(step, StartUpgrade) and step.target.version == "9.9.9"


# --- placement groups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize(
    ("sku", "protocol", "is_taken"),
    [("", "Http", False), ("Basic", "Http", False), ("Standard", "Http", True), ("", "Https", True)],
)
def test_several_placement_groups_need_a_standard_load_balancer(
    automatic: bool, sku: str, protocol: str, is_taken: bool
) -> None:
    """S-35"""
    put_load_balancer("fleet/lb", balancer(sku, protocol=protocol), NOW)
    body = document(probe_id=PROBE, automatic=automatic)
    several = edited(body, "properties.singlePlacementGroup", False)
    if is_taken:
        assert set_model("fleet/web", several, NOW).created
        return
    with refused("BadRequest", "probes reach only one placement group", "sku.name Standard") as caught:
        set_model("fleet/web", several, NOW)
    assert caught.value.target == f"{PROFILE}.networkProfile.healthProbe"
    for single in (body, edited(body, "properties.singlePlacementGroup", True)):
        set_model("fleet/web", single, NOW)
    with refused("BadRequest", "probes reach only one placement group"):
        set_model("fleet/web", several, LATER)


# --- a probe that also steers traffic ---------------------------------------------------------------------------------


def test_a_probe_that_also_steers_traffic_is_warned_of() -> None:
    """S-36, S-37"""
    put_load_balancer("fleet/lb", balancer(rule="Web"), NOW)
    (warning,) = set_model("fleet/web", document(probe_id=PROBE), NOW).warnings
    assert "the probe 'health' also decides who gets traffic, by the rule Web" in warning
    assert "probe of their own, which does not depend on load" in warning
    put_load_balancer("fleet/lb", balancer(), LATER)
    assert set_model("fleet/web", document(probe_id=PROBE, capacity=4), LATER).warnings == ()


# --- Windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, True, False])
def test_windows_update_is_off_where_images_are_upgraded_automatically(given: bool | None) -> None:
    """A-28"""
    own = {} if given is None else {"windowsConfiguration": {"enableAutomaticUpdates": given}}
    for automatic in (True, False):
        row = set_model("fleet/web", document(image=WINDOWS, automatic=automatic, os_profile=own), NOW).scale_set
        shown = filled(row.document, "Windows")["properties"]["virtualMachineProfile"]["osProfile"]
        expected = False if automatic else given is not False
        assert shown["windowsConfiguration"]["enableAutomaticUpdates"] is expected


@pytest.mark.parametrize(("image", "name"), [(WINDOWS, "windowsConfiguration"), (None, "linuxConfiguration")])
def test_patches_by_the_platform_are_refused_by_todays_rules(image: tuple[str, str, str] | None, name: str) -> None:
    """A-28"""
    changes: dict[str, Any] = {"image": image} if image else {}
    own = {name: {"patchSettings": {"patchMode": "AutomaticByPlatform"}}}
    body = document(os_profile=own, probe="/health", **changes)
    assert set_model("fleet/in_2018", body, NOW).created
    Location.objects.update(rules=Location.Rules.CURRENT)
    with refused(
        "InvalidParameter", "AutomaticByPlatform cannot be used together with enableAutomaticOSUpgrade"
    ) as caught:
        set_model("fleet/web", body, NOW)
    assert caught.value.target == f"{PROFILE}.osProfile.{name}.patchSettings.patchMode"
    set_model("fleet/in_2018", {**body, "tags": {"may": "stay"}}, LATER)
    set_model("fleet/web", document(automatic=False, os_profile=own, **changes), NOW)
