"""What people do to instances by hand, at any moment: reimage, bring to the model, switch, delete."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.orchestrator.model.rows import IN_FLIGHT
from tests.orchestrator.model.world import World
from upgrades.commands.instance_operations import (
    deallocate_machines,
    delete_instances,
    power_off_machines,
    reimage,
    restart_machines,
    start_machines,
)
from upgrades.commands.manual_upgrades import upgrade_instances
from upgrades.models import InstanceUpgrade, ScaleSet

ACTS: dict[str, Callable[..., Any]] = {
    "reimage": reimage,
    "restart": restart_machines,
    "manual upgrade": upgrade_instances,
    "power off": power_off_machines,
    "start": start_machines,
    "deallocate": deallocate_machines,
    "delete": delete_instances,
}
# Most often what takes a machine down and brings it up again.
names_of_acts = st.sampled_from(["reimage", "reimage", "reimage", "restart", "manual upgrade", *ACTS])
some = st.none() | st.lists(st.integers(0, 29), min_size=1, max_size=3)


class ByHand(RuleBasedStateMachine):
    """Beside what else people do (machine.py)."""

    world: World

    @rule(index=st.integers(0, 2), act=names_of_acts, picks=some)
    def by_hand(self, index: int, act: str, picks: list[int] | None) -> None:
        self.act_by_hand(index, act, picks)

    def act_by_hand(self, index: int, act: str, picks: list[int] | None) -> None:
        """None: on all of them. What is in a batch is refused, and then nothing is begun."""
        row = self.world.a_set(index)
        if row is None:
            return
        ids = None if picks is None else self.world.numbers_of(row, picks)
        in_a_batch = self.world.ask(lambda: _in_flight(row))

        def command() -> None:
            ACTS[act](str(row), ids, by="ada", now=self.world.clocks.wall())
            touched = in_a_batch.intersection(ids or ())
            assert not touched, f"{act} of {touched}, which are in a batch, was not refused"

        self.world.do(command)


def _in_flight(row: ScaleSet) -> set[str]:
    members = InstanceUpgrade.objects.filter(upgrade__scale_set=row, upgrade__ended_at=None, state__in=IN_FLIGHT)
    return {str(number) for number in members.values_list("instance__number", flat=True)}
