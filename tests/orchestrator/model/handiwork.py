"""Stories of operations by hand: in the middle of upgrades, before them, and opted out right after they were asked for."""

from typing import Any

from hypothesis import strategies as st

from tests.orchestrator.model.by_hand import names_of_acts, some
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import fleets, found, small_fleets, statuses, story, to_the_end
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import Instance, InstanceUpgrade, OptOut

deeds = st.lists(st.tuples(names_of_acts, some, st.sampled_from([3, 1, 12, 25])), min_size=2, max_size=5)


@story(fleet=fleets, deeds=deeds, is_amid=st.booleans())
def people_lend_a_hand(m: Fleets, fleet: dict[str, Any], deeds: list[Any], is_amid: bool) -> None:
    """Whatever they do before or amid an upgrade, no limit is passed and all comes to an end; what they switched off stays so."""
    found(m, fleet)
    m.publish_one()
    if is_amid:
        m.world.run_until(InstanceUpgrade.objects.exists)
    for act, picks, seconds in deeds:
        m.act_by_hand(0, act, picks)
        m.world.run(seconds)
    to_the_end(m)
    busy = m.world.ask(
        lambda: list(Instance.objects.exclude(operation_kind="").values_list("number", "operation_kind"))
    )
    assert not busy, f"never ends: {busy}"


@story(fleet=small_fleets, act=names_of_acts)
def a_batch_is_left_alone(m: Fleets, fleet: dict[str, Any], act: str) -> None:
    """Also when its machines are up and wait for their verdicts; and a person who was refused has changed nothing."""
    found(m, fleet)
    m.publish_one()
    verifying = InstanceUpgrade.objects.filter(state=InstanceUpgradeState.VERIFYING)
    m.world.run_until(verifying.exists)
    m.act_by_hand(0, act, m.world.ask(lambda: list(verifying.values_list("instance__number", flat=True))))
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


@story(
    fleet=small_fleets, act=st.sampled_from(["reimage", "delete", "manual upgrade"]), seconds=st.sampled_from([0, 1, 4])
)
def a_hold_comes_after_the_request(m: Fleets, fleet: dict[str, Any], act: str, seconds: int) -> None:
    """What has not begun on an instance by then does not begin."""
    found(m, fleet)
    m.change_script(0, "2.0")
    m.act_by_hand(0, act, [0, 1])
    m.world.run(seconds)
    m.opt_out_some(0, [0], None, OptOut.Scope.UNTIL)
    to_the_end(m)
    if seconds == 0:
        assert m.world.ask(Instance.objects.filter(number=0, operation_kind="").exists)
