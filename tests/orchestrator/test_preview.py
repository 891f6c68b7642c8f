"""A plan and what comes of it: whole upgrades of real rows and simulated machines, each beside its plan."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.orchestrator.conftest import MakeFleet
from upgrades.commands.opt_outs import opt_out
from upgrades.core.preview import preview
from upgrades.orchestrator.observe import observe

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.slow]

versions = count(1)  # examples share a database
policies = st.fixed_dictionaries(
    {
        "maxBatchInstancePercent": st.sampled_from([20, 5, 34, 100]),
        "maxUnhealthyInstancePercent": st.sampled_from([20, 50]),
        "pauseTimeBetweenBatches": st.sampled_from(["PT0S", "PT3S"]),
        "enableCrossZoneUpgrade": st.booleans(),
        "prioritizeUnhealthyInstances": st.booleans(),
    }
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12),
    st.sampled_from([[], ["1", "2"], ["1", "2", "3"]]),
    policies,
    st.sets(st.integers(0, 11), max_size=2),
)
def test_a_plan_comes_true(
    make_fleet: MakeFleet, instances: int, zones: list[str], policy: dict[str, object], held: set[int]
) -> None:
    """When nothing goes wrong, the batches of the plan are those of the upgrade, each for the reason that was told."""
    fleet = make_fleet(instances)
    upgrade_policy = "properties.upgradePolicy"
    fleet.edit(
        {
            "zones": zones,
            f"{upgrade_policy}.rollingUpgradePolicy": policy,
            f"{upgrade_policy}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True,
        }
    )
    fleet.go_on()
    numbers = [str(number) for number in held if number < instances]
    if numbers:
        opt_out(fleet.path, numbers, reason="busy", owner="ada", now=fleet.now)
    fleet.publish(f"16.04.{next(versions)}")
    plan = preview(observe(fleet.id, fleet.now).facts, fleet.now)
    if len(numbers) == instances:
        assert not plan.batches
        return
    while fleet.row.upgrades.first() is None or fleet.upgrade.ended_at is None:
        fleet.work(fleet.reconcile())
        fleet.now += timedelta(seconds=1)
        fleet.probe()
    batches = fleet.upgrade.batches.order_by("number")
    done = [
        (list(batch.members.order_by("instance_number").values_list("instance_number", flat=True)), batch.why)
        for batch in batches
    ]
    assert done == [(list(planned.instances), planned.why) for planned in plan.batches]
