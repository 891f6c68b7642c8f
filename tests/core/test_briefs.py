"""A reason in few words, and what it says of one of its instances."""

from datetime import UTC, datetime
from enum import StrEnum

import pytest

from upgrades.core.catalogue import say, say_with
from upgrades.core.reason_kinds import KINDS, ReasonCode
from upgrades.core.steps import Why

NOON = datetime(2018, 9, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "values", "said"),
    [
        (Why.TOO_MANY_UNHEALTHY, {"unhealthy": 3, "total": 10, "limit": 20}, "3 of 10 unhealthy, limit 20 %"),
        (Why.BACKING_OFF, {"until": NOON}, "Retries at 2018-09-25 12:00:00 UTC"),
        (Why.PAUSE_BETWEEN_BATCHES, {"until": NOON}, "Pauses until 2018-09-25 12:00:00 UTC"),
        (Why.CREATION_FAILED, {"count": 1, "capacity": 3}, "1 of 3 could not be created"),
        (ReasonCode.QUARANTINED, {"count": 1}, "1 in quarantine"),
        (ReasonCode.AUTOMATIC_OFF, {"count": 4}, "4 behind; automatic is off"),
    ],
)
def test_each_brief_has_its_few_words(code: StrEnum, values: dict[str, object], said: str) -> None:
    assert say_with(f"{code}.brief", values) == said


def test_a_row_does_not_repeat_its_numbers_in_words() -> None:
    assert not KINDS[ReasonCode.OPTED_OUT].is_brief


def test_a_stop_says_by_how_much() -> None:
    over = "upgrade.over_the_limit"
    assert say(over, share=100 / 3, limit=20, of_upgraded=True) == "33.3 % of the upgraded unhealthy, limit 20 %"
    assert say(over, share=30, limit=20, of_upgraded=False) == "30 % unhealthy, limit 20 %"
