"""Creating and changing scale sets."""

import copy
import json
import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.arm.networks import store_what_it_refers_to
from tests.stories import (
    FIRST_VERSION,
    NOW,
    UBUNTU,
    WINDOWS,
    a_scale_set,
    at_once,
    document,
    edited,
    publish,
    refused,
    snapshot_equals_events,
    without,
)
from upgrades.commands.scale_sets import MUST_BE_LATEST, PutResult, set_model
from upgrades.commands.upgrades import start
from upgrades.core.policy import Policy
from upgrades.models import Event, ImageSku, Location, ScaleSet, sealing

LATER = NOW + timedelta(minutes=1)
EXAMPLE = Path(__file__).parent.parent / "vectors" / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"
PROFILE = "properties.virtualMachineProfile"
ROLLING = "properties.upgradePolicy.rollingUpgradePolicy"

pytestmark = pytest.mark.django_db


def put(body: object, path: str = "fleet/web") -> PutResult:
    with snapshot_equals_events():
        return set_model(path, body, LATER)


# --- creating ---------------------------------------------------------------------------------------------------------


def test_a_new_scale_set() -> None:
    body = document(capacity=4, tags={"owner": "me"}, rolling={"maxBatchInstancePercent": 30}, probe="/health")
    done = put(body, "Fleet/Web")
    assert done.created and done.warnings == ()
    row = ScaleSet.objects.get(key="fleet/web")
    assert (row.resource_group, row.name, str(row)) == ("Fleet", "Web", "Fleet/Web")
    assert (row.capacity, row.image_version, row.automatic_upgrade) == (4, "latest", True)
    assert row.policy == Policy(max_batch_percent=30)
    assert (row.probe_protocol, row.probe_port, row.probe_path) == ("http", 80, "/health")
    assert (row.tags, row.document) == ({"owner": "me"}, body)
    assert (row.seq, row.reconcile_at, row.created_at) == (1, LATER, LATER)


def test_the_official_example_as_it_is() -> None:
    with_names = re.sub(r"\{([\w-]+)\}", r"\1", EXAMPLE.read_text())  # "{existing-load-balancer-name}"
    body = json.loads(with_names)["parameters"]["parameters"]
    store_what_it_refers_to(body)
    done = put(body)
    row = ScaleSet.objects.get()
    assert done.created and not row.automatic_upgrade
    assert (row.location.name, row.sku.sku, row.capacity) == ("westus", "2016-Datacenter", 3)
    assert sealing.unseal(row.sealed_secrets) and "your-password" not in json.dumps(row.document)


def test_unknown_fields_are_kept() -> None:
    body = edited(document(), f"{PROFILE}.fromTheFuture", {"a": [1, None, {"ü": "😀"}]})
    put(body)
    assert ScaleSet.objects.get().document == body


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_new_model_is_stored() -> None:
    before = a_scale_set()
    done = put(document(capacity=7, automatic=False, tags={"a": "b"}))
    after = ScaleSet.objects.get()
    assert not done.created
    assert (after.pk, after.capacity, after.automatic_upgrade, after.tags) == (before.pk, 7, False, {"a": "b"})
    assert (after.stream, after.created_at, after.reconcile_at) == (before.stream, before.created_at, LATER)


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
    assert row.policy == Policy(max_batch_percent=50, pause_between_batches=timedelta(seconds=30))
    put(document())
    row.refresh_from_db()
    assert row.policy == Policy()


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
def test_invalid_names_are_refused(path: str) -> None:
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
        (document(capacity=1001), "sku.capacity must be an integer from 0 to 1000, got 1001"),
        (document(capacity=-1), "got -1"),
        (edited(document(), "properties.x", "\0"), "cannot be stored"),
        (edited(document(), "properties.x", float("nan")), "not JSON"),
    ],
)
def test_invalid_documents_are_refused(body: object, word: str) -> None:
    a_scale_set("other", instances=1)
    for path in ("fleet/web", "fleet/other"):
        with refused("InvalidParameter", word):
            set_model(path, body, NOW)


# --- while an upgrade runs --------------------------------------------------------------------------------------------

SECRETS = {"adminPassword": "hunter2", "customData": "IyEvYmluL3No"}


def test_the_machine_model_stays_while_an_upgrade_runs() -> None:
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
    assert (row.capacity, row.tags, row.policy.max_batch_percent) == (20, {"new": "tag"}, 50)
    assert sealing.unseal(row.sealed_secrets) and len(sealing.unseal(row.sealed_secrets)) == 2
    upgrade = row.upgrades.get()
    assert upgrade.policy["max_batch_percent"] == 20, "the running upgrade keeps the policy it began with"


def test_a_scale_set_that_is_being_deleted_is_not_changed() -> None:
    a_scale_set()
    ScaleSet.objects.update(deleting=True)
    with refused("Conflict", "is being deleted"):
        set_model("fleet/web", document(), LATER)


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


def test_secrets_must_be_put_again_if_the_key_is_lost(settings: LazySettings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the first key", []
    put(document(os_profile=SECRETS))
    settings.SECRET_KEY = "another key"
    with refused("BadRequest", "the secrets of fleet/web cannot be kept", "SECRET_KEY_FALLBACKS"):
        set_model("fleet/web", document(), LATER)
    put(document(os_profile=SECRETS))
    assert len(sealing.unseal(ScaleSet.objects.get().sealed_secrets)) == 2


# --- at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_creating_the_same_scale_set_twice_at_once() -> None:
    bodies = [document(capacity=count, image=image) for count, image in enumerate([UBUNTU, WINDOWS] * 3)]
    done = at_once(*(partial(set_model, "fleet/web", body, NOW) for body in bodies))
    assert [put.created for put in done].count(True) == 1
    row = ScaleSet.objects.get()
    assert row.seq == 6 and row.events.count() == 6
    assert row.capacity == row.document["sku"]["capacity"]
