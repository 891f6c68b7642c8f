"""The command behind the policy form."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.stories import NOW, a_scale_set, at_once, document, edited, refused, snapshot_equals_events
from upgrades.commands.policies import change_policy, policy_of
from upgrades.commands.scale_sets import set_model
from upgrades.core.json_edit import edited as with_field
from upgrades.core.json_edit import iso_duration
from upgrades.core.json_fields import get_field
from upgrades.models import ScaleSet

LATER = NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"sku": {"capacity": 7}}),
        ({"sku": None, "a": 1}, {"sku": {"capacity": 7}, "a": 1}),
        ({"SKU": {"Capacity": 3, "name": "x"}}, {"SKU": {"Capacity": 7, "name": "x"}}),
        ({"sku": {"capacity": None, "CAPACITY": 3}}, {"sku": {"capacity": None, "CAPACITY": 7}}),
        ({"sku": {"CAPACITY": None}}, {"sku": {"CAPACITY": 7}}),
    ],
)
def test_a_field_is_changed_where_it_is_read(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert with_field(before, ("sku", "capacity"), 7) == after
    assert get_field(after, "sku", "capacity") == 7


@pytest.mark.parametrize(
    ("seconds", "written"), [(0, "PT0S"), (30, "PT30S"), (0.5, "PT0.5S"), (100, "PT100S"), (31_536_000, "PT31536000S")]
)
def test_a_pause_is_written_as_documents_write_it(seconds: float, written: str) -> None:
    assert iso_duration(seconds) == written
    body = edited(document(), "properties.upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches", written)
    assert policy_of(body)["pause_between_batches"] == seconds


@pytest.mark.django_db
def test_unknown_policy_fields_are_refused() -> None:
    a_scale_set()
    with refused("InvalidParameter", "a policy has no colour", "capacity"):
        change_policy("fleet/web", {"colour": "red"}, LATER)


@pytest.mark.django_db
def test_an_unknown_scale_set() -> None:
    with refused("ResourceNotFound", "there is no scale set 'fleet/web'"):
        change_policy("fleet/web", {"capacity": 1}, LATER)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_changes_at_once_all_count() -> None:
    """None is written over another one's document."""
    a_scale_set(capacity=1)
    with snapshot_equals_events():
        changes = (
            {"capacity": 5},
            {"automatic_upgrade": False},
            {"max_batch_percent": 50},
            {"max_unhealthy_percent": 60},
        )
        done = at_once(*(partial(change_policy, "fleet/web", change, LATER) for change in changes))
    assert not [error for error in done if isinstance(error, Exception)], done
    now = policy_of(ScaleSet.objects.get().document)
    assert (now["capacity"], now["automatic_upgrade"]) == (5, False)
    assert (now["max_batch_percent"], now["max_unhealthy_percent"]) == (50, 60)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_put_of_another_image_meanwhile_is_kept() -> None:
    windows = ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter")
    for _ in range(5):
        set_model("fleet/web", document(), NOW)
        put = partial(set_model, "fleet/web", document(image=windows, capacity=9), LATER)
        done = at_once(put, partial(change_policy, "fleet/web", {"max_batch_percent": 50}, LATER))
        assert not [error for error in done if isinstance(error, Exception)], done
        assert ScaleSet.objects.get().sku.offer == "WindowsServer"
