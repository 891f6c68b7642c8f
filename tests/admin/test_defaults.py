"""The default upgrade policy: what new scale sets get, and nobody else."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.people import errors, page, post, saved
from tests.stories import NOW, a_scale_set, document, edited
from upgrades.commands.defaults import set_defaults
from upgrades.commands.scale_sets import set_model
from upgrades.core.policy import policy_to_json
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db
FORM = "upgradedefaults/1/change/"
UPGRADE = "properties.upgradePolicy"
OWN = {"max_batch_percent": 10, "max_unhealthy_percent": 15, "max_unhealthy_upgraded_percent": 5, "pause_seconds": 30}


def limits(name: str = "web") -> dict[str, Any]:
    row = ScaleSet.objects.get(name=name)
    stored = policy_to_json(row.policy)
    return {name: stored[name] for name in OWN}


def test_a_new_scale_set_gets_the_defaults_in_its_document(ada: Client) -> None:
    a_scale_set("old")
    assert saved(post(ada, FORM, **OWN))
    a_scale_set("web")
    assert limits() == OWN
    policy = ScaleSet.objects.get(name="web").document["properties"]["upgradePolicy"]
    assert policy["rollingUpgradePolicy"] == {
        "maxBatchInstancePercent": 10,
        "maxUnhealthyInstancePercent": 15,
        "maxUnhealthyUpgradedInstancePercent": 5,
        "pauseTimeBetweenBatches": "PT30S",
    }
    assert policy["automaticOSUpgradePolicy"]["useRollingUpgradePolicy"] is True
    assert set(limits("old").values()) == {20, 0}


@pytest.mark.parametrize(
    ("place", "value"),
    [("rollingUpgradePolicy.maxBatchInstancePercent", 40), ("automaticOSUpgradePolicy.useRollingUpgradePolicy", False)],
)
def test_limits_sent_by_a_client_stand(place: str, value: object) -> None:
    set_defaults(**OWN)
    body = edited(document(), f"{UPGRADE}.{place}", value)
    set_model("fleet/web", body, NOW)
    assert ScaleSet.objects.get().document["properties"]["upgradePolicy"] == body["properties"]["upgradePolicy"]
    assert limits()["max_unhealthy_percent"] == 20


def test_a_later_put_is_not_filled_in() -> None:
    a_scale_set("web")
    set_defaults(**OWN)
    set_model("fleet/web", edited(ScaleSet.objects.get().document, "sku.capacity", 7), NOW)
    assert set(limits().values()) == {20, 0}


def test_documents_stay_as_they_came_while_the_defaults_are_azures() -> None:
    set_defaults()
    a_scale_set("web")
    assert "rollingUpgradePolicy" not in ScaleSet.objects.get().document["properties"]["upgradePolicy"]


def test_limits_are_limited(ada: Client) -> None:
    said = errors(post(ada, FORM, **{**OWN, "max_batch_percent": 4, "max_unhealthy_upgraded_percent": 101}))
    assert set(said) == {"max_batch_percent", "max_unhealthy_upgraded_percent"}


def test_the_form_explains_which_scale_sets_get_the_defaults(ada: Client) -> None:
    assert "whose document sets no limits" in page(ada, FORM)


def test_changing_defaults_needs_the_right_to(client: Client) -> None:
    client.force_login(User.objects.create_user("visitor", is_staff=True))
    assert post(client, FORM, **OWN).status_code == 403
