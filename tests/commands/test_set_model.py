"""Creating and changing scale sets."""

import copy
import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from tests.stories import (
    FIRST_VERSION,
    NOW,
    UBUNTU,
    WINDOWS,
    a_scale_set,
    at_once,
    document,
    edited,
    health_extension,
    publish,
    refused,
    snapshot_equals_events,
    without,
)
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.scale_sets import MUST_BE_LATEST, NO_PROBE, Put, set_model
from upgrades.commands.upgrades import start
from upgrades.models import Event, ImageSku, Location, ScaleSet, sealing

LATER = NOW + timedelta(minutes=1)
EXAMPLE = Path(__file__).parent.parent / "vectors" / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"
PROFILE = "properties.virtualMachineProfile"
ROLLING = "properties.upgradePolicy.rollingUpgradePolicy"
BALANCER = "/subscriptions/s/resourceGroups/Fleet/providers/Microsoft.Network/loadBalancers"

pytestmark = pytest.mark.django_db


def put(body: object, path: str = "fleet/web") -> Put:
    with snapshot_equals_events():
        return set_model(path, body, LATER)


def balancer(**probe: Any) -> dict[str, Any]:
    settings = {"protocol": "Http", "port": 8080, "requestPath": "/", **probe}
    return {"location": "westeurope", "properties": {"probes": [{"name": "Health", "properties": settings}]}}


# --- creating ---------------------------------------------------------------------------------------------------------


def test_a_new_scale_set() -> None:
    body = document(capacity=4, tags={"owner": "me"}, rolling={"maxBatchInstancePercent": 30}, probe="/health")
    done = put(body, "Fleet/Web")
    assert done.created and done.warnings == ()
    row = ScaleSet.objects.get(key="fleet/web")
    assert (row.resource_group, row.name, str(row)) == ("Fleet", "Web", "Fleet/Web")
    assert (row.capacity, row.image_version, row.automatic_upgrade) == (4, "latest", True)
    assert (row.max_batch_percent, row.max_unhealthy_percent, row.pause_seconds) == (30, 20, 0)
    assert (row.probe_protocol, row.probe_port, row.probe_path) == ("http", 80, "/health")
    assert (row.tags, row.document) == ({"owner": "me"}, body)
    assert (row.seq, row.look_at, row.created_at) == (1, LATER, LATER)


def test_the_official_example_as_it_is() -> None:
    body = json.loads(EXAMPLE.read_text())["parameters"]["parameters"]
    done = put(body)
    row = ScaleSet.objects.get()
    assert done.created and not row.automatic_upgrade
    assert (row.location.name, row.sku.sku, row.capacity) == ("westus", "2016-Datacenter", 3)
    assert sealing.unseal(row.sealed_secrets) and "{your-password}" not in json.dumps(row.document)


def test_what_is_not_understood_is_kept() -> None:
    body = edited(document(), "properties.fromTheFuture", {"a": [1, None, {"ü": "😀"}]})
    put(body)
    assert ScaleSet.objects.get().document == body


# --- changing ---------------------------------------------------------------------------------------------------------


def test_another_model() -> None:
    before = a_scale_set()
    done = put(document(capacity=7, automatic=False, tags={"a": "b"}))
    after = ScaleSet.objects.get()
    assert not done.created
    assert (after.pk, after.capacity, after.automatic_upgrade, after.tags) == (before.pk, 7, False, {"a": "b"})
    assert (after.stream, after.created_at, after.look_at) == (before.stream, before.created_at, LATER)


def test_the_same_document_again() -> None:
    body = document(os_profile={"adminPassword": "hunter2"})
    assert put(body).created
    before = ScaleSet.objects.values("document", "capacity", "created_at", "stream").get()
    assert not put(body).created
    assert ScaleSet.objects.values("document", "capacity", "created_at", "stream").get() == before


def test_a_name_in_another_case_is_the_same_scale_set() -> None:
    put(document())
    assert not put(document(capacity=5), "FLEET/WEB").created
    row = ScaleSet.objects.get()
    assert (str(row), row.capacity) == ("fleet/web", 5)


def test_limits_go_back_to_the_defaults() -> None:
    put(document(rolling={"maxBatchInstancePercent": 50, "pauseTimeBetweenBatches": "PT30S"}))
    row = ScaleSet.objects.get()
    assert (row.max_batch_percent, row.pause_seconds) == (50, 30)
    put(document())
    row.refresh_from_db()
    assert (row.max_batch_percent, row.pause_seconds) == (20, 0)


# --- images -----------------------------------------------------------------------------------------------------------


def test_an_unknown_sku_is_refused_with_the_list() -> None:
    """S-23"""
    with refused("BadRequest", "Debian:debian:9 is not a supported image in westeurope") as caught:
        set_model("fleet/web", document(image=("Debian", "debian", "9")), NOW)
    for row in ImageSku.objects.all():
        assert str(row) in caught.value.message


def test_images_in_any_case() -> None:
    put(document(image=("CANONICAL", "ubuntuserver", "16.04-lts")))
    assert ScaleSet.objects.get().sku.sku == "16.04-LTS"


def test_a_sku_that_is_limited_to_some_regions() -> None:
    """S-21"""
    sku = ImageSku.objects.get(sku="16.04-LTS")
    sku.limited_to.add(Location.objects.get(name="northeurope"))
    with refused("BadRequest", f"{sku} is not a supported image in westeurope") as caught:
        set_model("fleet/web", document(), NOW)
    assert str(sku) not in caught.value.message.partition("Supported")[2]
    assert put(document(location="northeurope")).created


def test_automatic_upgrades_follow_the_latest_version() -> None:
    """S-24, with Azure's own words."""
    with refused("BadRequest") as caught:
        set_model("fleet/web", document(version=FIRST_VERSION), NOW)
    assert caught.value.message == MUST_BE_LATEST
    assert caught.value.message == (
        "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image "
        "with version set to 'latest'."
    )


def test_a_pinned_version_must_be_published() -> None:
    publish("16.04.1", locations=["northeurope"])
    with refused("ImageNotFound", "has no version '16.04.1' in westeurope"):
        set_model("fleet/web", document(version="16.04.1", automatic=False), NOW)
    with refused("ImageNotFound", "has no version 'newest'"):
        set_model("fleet/web", document(version="newest", automatic=False), NOW)
    assert put(document(version="16.04.1", automatic=False, location="northeurope")).created
    assert ScaleSet.objects.get().image_version == "16.04.1"


# --- locations --------------------------------------------------------------------------------------------------------


def test_an_unknown_location() -> None:
    with refused("LocationNotAvailableForResourceType", "there is no location 'atlantis'"):
        set_model("fleet/web", document(location="Atlantis"), NOW)


def test_the_location_cannot_change() -> None:
    a_scale_set()
    with refused("PropertyChangeNotAllowed", "is westeurope and cannot be changed"):
        set_model("fleet/web", document(location="North Europe"), LATER)
    assert not put(document(location="West Europe")).created


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "web",
        "fleet/",
        "/web",
        "fleet/web/x",
        "fleet/we b",
        "fleet/web\n",
        "fleet\n/web",
        "fl$eet/web",
        "fleet/..",
    ]
    + ["../web", "fleet/web.", "fleet/web\0", "fleet/" + "x" * 81, "x" * 91 + "/web", "İ" * 90 + "/web"],
)
def test_names_that_cannot_be(path: str) -> None:
    with refused("InvalidParameter", "a resource is named RESOURCE_GROUP/NAME") as caught:
        set_model(path, document(), NOW)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("path", ["x" * 90 + "/" + "y" * 80, "a/b", "a.b_c-(d)/e.f_g-(h)", "größe/Ünit", "群/組"])
def test_names_that_can(path: str) -> None:
    assert put(document(), path).created


# --- documents that are none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (None, "is a JSON object, not null"),
        ([], "is a JSON object, not a list"),
        ("{}", "is a JSON object, not '{}'"),
        ({}, "location is missing"),
        (without(document(), "sku"), "sku.capacity is missing"),
        (document(capacity=1001), "sku.capacity is a whole number from 0 to 1000, not 1001"),
        (document(capacity=-1), "not -1"),
        (edited(document(), "properties.x", "\0"), "cannot be stored"),
        (edited(document(), "properties.x", float("nan")), "no JSON"),
    ],
)
def test_what_is_no_document(body: object, word: str) -> None:
    a_scale_set("other", instances=1)
    for path in ("fleet/web", "fleet/other"):
        with refused("InvalidParameter", word):
            set_model(path, body, NOW)


# --- while an upgrade runs --------------------------------------------------------------------------------------------

SECRETS = {"adminPassword": "hunter2", "customData": "IyEvYmluL3No"}


def test_what_machines_are_made_of_stays_while_an_upgrade_runs() -> None:
    a_scale_set(os_profile=SECRETS)
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    same = document(capacity=10, os_profile=SECRETS)
    for path, value in (
        (f"{PROFILE}.osProfile.computerNamePrefix", "other"),
        (f"{PROFILE}.osProfile.customData", "b3RoZXI="),
        (f"{PROFILE}.storageProfile.imageReference.sku", "18.04-LTS"),
        (f"{PROFILE}.extensionProfile", {"extensions": [{"name": "new"}]}),
    ):
        with refused("OperationNotAllowed", "there is another ongoing rolling upgrade operation"):
            set_model("fleet/web", edited(same, path, value), LATER)


def test_everything_else_may_change_while_an_upgrade_runs() -> None:
    a_scale_set(os_profile=SECRETS)
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    body = document(
        capacity=20, tags={"new": "tag"}, automatic=False, os_profile=SECRETS, rolling={"maxBatchInstancePercent": 50}
    )
    put(body)
    put(without(body, f"{PROFILE}.osProfile.adminPassword"))
    put(edited(body, f"{PROFILE}.extensionProfile", None))
    row = ScaleSet.objects.get()
    assert (row.capacity, row.tags, row.max_batch_percent) == (20, {"new": "tag"}, 50)
    assert sealing.unseal(row.sealed_secrets) and len(sealing.unseal(row.sealed_secrets)) == 2
    upgrade = row.upgrades.get()
    assert upgrade.policy["max_batch_percent"] == 20, "the running upgrade keeps the policy it began with"


def test_a_scale_set_that_is_being_deleted_is_not_changed() -> None:
    a_scale_set()
    ScaleSet.objects.update(deleting=True)
    with refused("Conflict", "is being deleted"):
        set_model("fleet/web", document(), LATER)


# --- probes and warnings ----------------------------------------------------------------------------------------------


def test_the_probe_of_a_load_balancer() -> None:
    put_load_balancer("fleet/lb", balancer(intervalInSeconds=15, numberOfProbes=2), NOW)
    assert put(document(probe_id=f"{BALANCER}/LB/probes/health")).warnings == ()
    row = ScaleSet.objects.get()
    assert (row.probe_protocol, row.probe_port, row.probe_path) == ("http", 8080, "/")
    assert (row.probe_interval_seconds, row.probe_threshold) == (15, 2)
    put(document())
    row.refresh_from_db()
    assert row.probe_protocol == ""


@pytest.mark.parametrize(
    ("probe_id", "word"),
    [
        (f"{BALANCER}/lb/probes/other", "load balancer Fleet/lb has no probe 'other'"),
        (f"{BALANCER}/none/probes/health", "there is no load balancer Fleet/none"),
        ("health", "a health probe's id is /subscriptions/"),
        (f"{BALANCER}/lb", "a health probe's id is"),
        (f"{BALANCER}/lb/probes/health\n", "a health probe's id is"),
    ],
)
def test_a_probe_that_is_not_there(probe_id: str, word: str) -> None:
    """S-39"""
    put_load_balancer("fleet/lb", balancer(), NOW)
    a_scale_set()
    for path in ("fleet/new", "fleet/web"):
        with refused("InvalidResourceReference", word):
            set_model(path, document(probe_id=probe_id), LATER)


def test_without_a_probe_there_is_a_recommendation() -> None:
    """S-25, S-34: the 2018 profile allows it."""
    assert put(document()).warnings == (NO_PROBE,)
    assert put(document(automatic=False)).warnings == ()


@pytest.mark.parametrize(("interval", "count", "warns"), [(60, 2, True), (59, 2, False), (5, 24, True), (5, 23, False)])
def test_a_probe_that_takes_two_minutes(interval: int, count: int, warns: bool) -> None:
    """S-38"""
    put_load_balancer("fleet/lb", balancer(intervalInSeconds=interval, numberOfProbes=count), NOW)
    warnings = put(document(probe_id=f"{BALANCER}/lb/probes/health")).warnings
    assert any("two minutes" in warning for warning in warnings) is warns


# --- sources of health ------------------------------------------------------------------------------------------------


def both(**changes: Any) -> dict[str, Any]:
    put_load_balancer("fleet/lb", balancer(intervalInSeconds=15), NOW)
    return document(probe="/health", probe_id=f"{BALANCER}/lb/probes/health", **changes)


def test_todays_rules_ask_for_a_source_of_health_in_azures_words() -> None:
    """A-5"""
    Location.objects.update(rules=Location.Rules.CURRENT)
    with refused("BadRequest") as caught:
        set_model("fleet/web", document(), LATER)
    assert caught.value.message == (
        "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because a health probe or health extension "
        "was not specified."
    )
    assert caught.value.target == f"{PROFILE}.networkProfile.healthProbe"
    assert put(document(probe="/health")).created


@pytest.mark.parametrize("rules", Location.Rules.values)
@pytest.mark.parametrize(("automatic", "mode"), [(True, "Manual"), (False, "Rolling"), (True, "rolling")])
def test_two_sources_of_health_are_refused(rules: str, automatic: bool, mode: str) -> None:
    """A-6: whoever upgrades by health must know whose."""
    Location.objects.update(rules=rules)
    body = edited(both(automatic=automatic), "properties.upgradePolicy.mode", mode)
    with refused("BadRequest", "one source of health", "Remove one of them") as caught:
        set_model("fleet/web", body, LATER)
    assert caught.value.target == f"{PROFILE}.networkProfile.healthProbe"
    put(without(body, f"{PROFILE}.networkProfile"))
    put(without(body, f"{PROFILE}.extensionProfile"))


def test_two_sources_of_health_are_warned_of_while_nothing_is_upgraded_by_itself() -> None:
    """A-6: the load balancer's probe counts meanwhile."""
    (warning,) = put(both(automatic=False)).warnings
    assert "Remove one before upgrades are automatic" in warning
    row = ScaleSet.objects.get()
    assert (row.probe_port, row.probe_interval_seconds) == (8080, 15)


def test_the_rich_health_extension() -> None:
    extension = health_extension(numberOfProbes=3, gracePeriod=60)
    extension["properties"]["typeHandlerVersion"] = "2.0"
    assert put(document(extensions=[extension])).warnings == ()
    row = ScaleSet.objects.get()
    assert (row.probe_protocol, row.probe_threshold, row.probe_is_rich, row.probe_grace_seconds) == (
        "http",
        3,
        True,
        60,
    )
    put(document(probe="/health"))
    row.refresh_from_db()
    assert (row.probe_is_rich, row.probe_grace_seconds) == (False, 0)


@pytest.mark.parametrize(("grace", "warns"), [(300, False), (301, True)])
def test_a_grace_period_that_no_upgrade_waits_for(grace: int, warns: bool) -> None:
    extension = health_extension(gracePeriod=grace)
    extension["properties"]["typeHandlerVersion"] = "2.0"
    warnings = put(document(extensions=[extension])).warnings
    assert any("the grace period" in warning for warning in warnings) is warns


def test_an_order_of_extensions_that_cannot_be_is_refused() -> None:
    """A-29"""
    extension = {"name": "a", "properties": {"type": "CustomScript", "provisionAfterExtensions": ["b"]}}
    with refused("InvalidParameter", "names 'b', which is no extension of this scale set") as caught:
        set_model("fleet/web", document(extensions=[extension]), LATER)
    assert caught.value.target == f"{PROFILE}.extensionProfile.extensions[0].properties.provisionAfterExtensions"


# --- secrets ----------------------------------------------------------------------------------------------------------

EXTENSIONS = [
    {"name": name, "properties": {"type": "CustomScript", "protectedSettings": {"key": f"secret {name}"}}}
    for name in ("one", "two")
]


def test_secrets_are_sealed_and_nowhere_else() -> None:
    put(document(os_profile=SECRETS, extensions=EXTENSIONS))
    put(document(os_profile=SECRETS, extensions=EXTENSIONS[::-1]))
    row = ScaleSet.objects.get()
    everywhere = json.dumps(row.document) + json.dumps(list(Event.objects.values_list("body"))) + row.sealed_secrets
    for secret in ("hunter2", "IyEvYmluL3No", "secret one", "secret two"):
        assert secret not in everywhere
        assert secret in json.dumps(sealing.unseal(row.sealed_secrets))


def test_a_put_without_its_secrets_keeps_them() -> None:
    whole = document(os_profile=SECRETS, extensions=EXTENSIONS)
    put(whole)
    before = sealing.unseal(ScaleSet.objects.get().sealed_secrets)
    as_got = copy.deepcopy(ScaleSet.objects.get().document)
    put(as_got)
    assert sealing.unseal(ScaleSet.objects.get().sealed_secrets) == before
    put(edited(as_got, f"{PROFILE}.osProfile.adminPassword", "new"))
    after = sealing.unseal(ScaleSet.objects.get().sealed_secrets)
    assert len(after) == len(before) and "new" in after.values() and "hunter2" not in after.values()


def test_the_key_can_be_changed(settings: LazySettings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the first key", []
    put(document(os_profile=SECRETS))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", ["the first key"]
    put(document(os_profile={"adminPassword": "new"}))
    settings.SECRET_KEY_FALLBACKS = []
    kept = sealing.unseal(ScaleSet.objects.get().sealed_secrets)
    assert sorted(map(str, kept.values())) == ["IyEvYmluL3No", "new"]


def test_with_the_key_lost_the_secrets_must_be_put_again(settings: LazySettings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the first key", []
    put(document(os_profile=SECRETS))
    settings.SECRET_KEY = "another key"
    with refused("BadRequest", "the secrets of fleet/web cannot be kept", "SECRET_KEY_FALLBACKS"):
        set_model("fleet/web", document(), LATER)
    put(document(os_profile=SECRETS))
    assert len(sealing.unseal(ScaleSet.objects.get().sealed_secrets)) == 2


# --- at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_who_create_the_same_scale_set() -> None:
    bodies = [document(capacity=count, image=image) for count, image in enumerate([UBUNTU, WINDOWS] * 3)]
    done = at_once(*(partial(set_model, "fleet/web", body, NOW) for body in bodies))
    assert [one.created for one in done].count(True) == 1
    row = ScaleSet.objects.get()
    assert row.seq == 6 and row.events.count() == 6
    assert row.capacity == row.document["sku"]["capacity"]
