"""Where the health of a scale set comes from: what is taken, refused and warned of."""

from datetime import timedelta
from typing import Any

import pytest

from tests.stories import (
    NOW,
    a_scale_set,
    document,
    edited,
    health_extension,
    refused,
    snapshot_equals_events,
    without,
)
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.model_warnings import NO_PROBE
from upgrades.commands.scale_sets import PutResult, set_model
from upgrades.models import Location, ScaleSet

LATER = NOW + timedelta(minutes=1)
PROFILE = "properties.virtualMachineProfile"
BALANCER = "/subscriptions/s/resourceGroups/Fleet/providers/Microsoft.Network/loadBalancers"

pytestmark = pytest.mark.django_db


def put(body: object) -> PutResult:
    with snapshot_equals_events():
        return set_model("fleet/web", body, LATER)


def balancer(**probe: Any) -> dict[str, Any]:
    settings = {"protocol": "Http", "port": 8080, "requestPath": "/", **probe}
    return {"location": "westeurope", "properties": {"probes": [{"name": "Health", "properties": settings}]}}


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
def test_a_missing_probe_is_refused(probe_id: str, word: str) -> None:
    """S-39"""
    put_load_balancer("fleet/lb", balancer(), NOW)
    a_scale_set()
    for path in ("fleet/new", "fleet/web"):
        with refused("InvalidResourceReference", word):
            set_model(path, document(probe_id=probe_id), LATER)


def test_a_set_without_a_probe_gets_a_recommendation() -> None:
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


def test_an_impossible_order_of_extensions_is_refused() -> None:
    """A-29"""
    extension = {"name": "a", "properties": {"type": "CustomScript", "provisionAfterExtensions": ["b"]}}
    with refused("InvalidParameter", "names 'b', which is not an extension of this scale set") as caught:
        set_model("fleet/web", document(extensions=[extension]), LATER)
    assert caught.value.target == f"{PROFILE}.extensionProfile.extensions[0].properties.provisionAfterExtensions"
