"""A sentence carries what it was made of: another language or time zone can be made of that, and no viewer reads it out of the text."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from inspect import getmembers
from typing import Any

import pytest

from upgrades.core import briefs, messages
from upgrades.core.facts import Hold, Trial, Withdrawal
from upgrades.core.reason_kinds import KINDS
from upgrades.core.sentences import Sentence, shaped
from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy, LiftedBy, Reason
from upgrades.feed import reason_shapes

NOON = datetime(2018, 9, 25, 12, tzinfo=UTC)
UTC_NOON, ISO_NOON = "2018-09-25 12:00:00 UTC", "2018-09-25T12:00:00.000Z"


def test_times_travel_as_data_beside_text_in_utc() -> None:
    said = shaped(messages.verifying(3, NOON.astimezone(timezone(timedelta(hours=2)))))
    assert said["text"] == f"Waiting for 3 instances to become healthy, until {UTC_NOON} at the latest."
    assert said["template"] == "Waiting for 3 instances to become healthy, until {until} at the latest."
    assert said["params"] == {"count": {"type": "count", "value": 3}, "until": {"type": "instant", "value": ISO_NOON}}


def test_what_people_wrote_is_a_parameter_and_never_a_place_of_a_time() -> None:
    said = shaped(messages.fleet_stopped(Hold("ada", "see {until} \x02tomorrow\x03", NOON)))
    assert said["template"] == "All automatic upgrades are stopped by ada until {until}: see {{until}} tomorrow"
    assert said["template"].format(until=UTC_NOON) == said["text"]
    assert said["params"]["reason"] == {"type": "text", "value": "see {until} \x02tomorrow\x03"}


def test_every_parameter_has_a_type() -> None:
    said = messages.suspected("16.04.2", Trial(2, 1), "16.04.1", by_itself=True).params
    assert said["version"] == {"type": "version", "value": "16.04.2"}
    assert (said["failed"]["value"], said["tried"]["value"], said["by_itself"]["type"]) == (2, 3, "flag")
    assert messages.gate(3, 10, 20, 1).params["limit"] == {"type": "percent", "value": 20}
    assert messages.gone([2, 3], NOON).params["instances"] == {"type": "instances", "value": ["2", "3"]}
    assert messages.stale(None).params == {}
    withdrawal = Withdrawal("eve", "it panics")
    assert messages.stopped_by_withdrawal("1.2", withdrawal, 3).params["by"] == {"type": "text", "value": "eve"}


def test_a_sentence_stays_one_where_facts_are_copied() -> None:
    said = copy.deepcopy(messages.pause(NOON))
    assert said == f"Pausing between batches until {UTC_NOON}." and said.params["until"]["value"] == ISO_NOON


def test_every_message_is_a_sentence() -> None:
    def is_ours(member: Any) -> bool:
        return callable(member) and member.__module__ == messages.__name__ and not member.__name__.startswith("_")

    plain = [name for name, function in getmembers(messages, is_ours) if not hasattr(function, "__wrapped__")]
    assert not plain, "decorate them with @sentence"


@pytest.mark.parametrize("code", KINDS)
def test_a_reason_brings_all_that_a_viewer_must_know_of_its_code(code: Why | InstanceWhy) -> None:
    reason = Reason(code, "So it is.", "health", LiftedBy.OPERATOR, instances=(1, 2), numbers={"instances": 2})
    assert isinstance(briefs.brief(reason), str)
    (told,) = reason_shapes.reasons([reason], (), NOON)
    assert (told["face"]["fill"], told["face"]["glyph"], told["passes"]) == (
        KINDS[code].fill,
        KINDS[code].glyph,
        KINDS[code].passes,
    )
    assert told["text"] == told["template"] == "So it is."


def test_a_decision_says_what_it_keeps_waiting() -> None:
    paused = reason_shapes.decision(Why.PAUSED, messages.paused("ada"), [], {}, NOON)
    assert (paused["word"], paused["holds"], paused["at_the_gate"], paused["passes"]) == ("Paused", True, True, False)
    assert paused["params"] == {"by": {"type": "text", "value": "ada"}}
    resting = reason_shapes.decision(Why.NOTHING_TO_DO, messages.nothing_to_do(), [], {}, NOON)
    assert (resting["face"]["fill"], resting["word"], resting["passes"]) == ("done", "", True)


def test_the_weightiest_reason_is_what_is_said_where_nothing_can_be_done() -> None:
    found = reason_shapes.reasons(
        [Reason(InstanceWhy.OPTED_OUT, messages.opted_out(1, Hold("ada", "x", NOON)), "opt-out")], (), NOON
    )
    said = reason_shapes.decision(Why.NOTHING_TO_DO, messages.nothing_to_do(), found, {}, NOON)
    assert (said["code"], said["face"]["fill"]) == ("OptedOut", "out")
    assert said["template"] == "1 instance opted out by ada until {until}: x"


def test_text_without_parameters_is_a_sentence_too() -> None:
    assert shaped(Sentence("a {b}")) == {"text": "a {b}", "template": "a {{b}}", "params": {}}
