"""How scale sets stand, counted from their rows."""

import uuid
from datetime import timedelta

import pytest

from tests.stories import NOW, a_batch, a_scale_set, document, publish
from upgrades import history
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import set_model
from upgrades.commands.upgrades import start
from upgrades.core.standing import Standing
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind
from upgrades.models import Instance, ScaleSet
from upgrades.models.records import batches_of

pytestmark = pytest.mark.django_db


def test_standings_count_instances_by_scale_set(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    web, other, empty = a_scale_set(), a_scale_set("other", instances=2, healthy=False), a_scale_set("e", instances=0)
    Instance.objects.filter(scale_set=web, number__lt=4).update(version="16.04.1")
    Instance.objects.filter(scale_set=web, number=0).update(
        health=Health.UNKNOWN, operation_id=uuid.uuid4(), operation_kind=OperationKind.REIMAGE
    )
    opt_out("fleet/web", ["7", "8"], reason="x", owner="me", now=NOW)
    rows = list(ScaleSet.objects.all())
    with django_assert_num_queries(2):
        found = history.standings(rows, NOW)
    assert found[web.pk] == Standing(
        instances=10,
        by_health={"healthy": 9, "unknown": 1},
        by_version={"16.04.1": 4, "0.0.1": 6},
        opted_out=2,
        busy=1,
    )
    assert (found[web.pk].healthy, found[other.pk].healthy) == (9, 0)
    assert found[empty.pk] == Standing()
    assert history.standings([], NOW) == {}


def test_the_last_upgrade_and_its_batches() -> None:
    row = a_scale_set()
    assert history.last_upgrade(row) is None
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED, 1: InstanceUpgradeState.FAILED}, finished=True)
    a_batch(upgrade, {2: InstanceUpgradeState.UPGRADING, 3: InstanceUpgradeState.UPGRADING}, number=2)
    found = history.last_upgrade(row)
    assert found == upgrade
    members = {batch["number"]: batch["members"] for batch in batches_of(upgrade)}
    assert members == {1: {"succeeded": "0", "failed": "1"}, 2: {"upgrading": "2-3"}}
    upgrade.ended_at = NOW + timedelta(minutes=1)
    upgrade.save()
    later = start("fleet/web", "me", NOW + timedelta(minutes=2))
    assert history.last_upgrade(row) == later


def test_tags_in_any_case_and_of_any_kind() -> None:
    body = {name: value for name, value in document().items() if name != "tags"} | {"Tags": {"a": "b", "n": 5}}
    assert set_model("fleet/web", body, NOW).scale_set.tags == {"a": "b", "n": "5"}
    assert set_model("fleet/web", {**document(), "tags": None}, NOW).scale_set.tags == {}
