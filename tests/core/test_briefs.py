"""A reason in few words, and what it says of one of its instances."""

from datetime import UTC, datetime

import pytest

from upgrades.core import briefs, messages
from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy, Reason

NOON = datetime(2018, 9, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            Reason(Why.GATE, "...", "health", numbers={"unhealthy": 3, "total": 10, "limit_percent": 20}),
            "3 of 10 unhealthy, limit 20 %",
        ),
        (Reason(Why.BACKING_OFF, "...", "retry", until=NOON), "Retries at 2018-09-25 12:00:00 UTC"),
        (Reason(Why.PAUSE, "...", "pause", until=NOON), "Pauses until 2018-09-25 12:00:00 UTC"),
        (
            Reason(Why.NOT_MADE, "...", "capacity", numbers={"instances": 1, "capacity": 3}),
            "1 of 3 could not be created",
        ),
        (Reason(InstanceWhy.QUARANTINED, "...", "", instances=(1,)), "1 in quarantine"),
        (Reason(InstanceWhy.AUTOMATIC_OFF, "...", "", numbers={"instances": 4}), "4 behind; automatic is off"),
        (Reason(InstanceWhy.OPTED_OUT, "...", "opt-out", instances=(1,)), ""),
        (Reason(Why.ROOM, messages.QUOTA_UNKNOWN, "room"), messages.QUOTA_UNKNOWN),
    ],
)
def test_few_words(reason: Reason, said: str) -> None:
    assert briefs.brief(reason) == said


def test_a_stop_says_by_how_much() -> None:
    assert briefs.over(100 / 3, 20, of_upgraded=True) == "33.3 % of the upgraded unhealthy, limit 20 %"
    assert briefs.over(30, 20, of_upgraded=False) == "30 % unhealthy, limit 20 %"
