"""What the shapes of reasons add to those of the core: since when."""

from datetime import timedelta

from tests.stories import NOW
from upgrades.core.instants import iso
from upgrades.core.reason_context import Reason
from upgrades.core.reason_kinds import ReasonCode
from upgrades.core.steps import Why
from upgrades.feed import reason_shapes

EARLIER = NOW - timedelta(minutes=5)


def test_a_reason_is_there_since_it_was_first_found_however_its_numbers_move() -> None:
    first = reason_shapes.reasons(
        [Reason(ReasonCode.OPT_OUTS_LEAVE_NOTHING, "2 instances ...", "opt-out")], (), EARLIER
    )
    then = reason_shapes.reasons([Reason(ReasonCode.OPT_OUTS_LEAVE_NOTHING, "3 instances ...", "opt-out")], first, NOW)
    assert [reason["since"] for reason in then] == [iso(EARLIER)]
    assert reason_shapes.reasons([Reason(Why.TOO_MANY_UNHEALTHY, "...", "health")], then, NOW)[0]["since"] == iso(NOW)


def test_a_reason_with_a_known_beginning_keeps_it() -> None:
    (reason,) = reason_shapes.reasons([Reason(ReasonCode.OPTED_OUT, "...", "opt-out", since=EARLIER)], (), NOW)
    assert reason["since"] == iso(EARLIER)
