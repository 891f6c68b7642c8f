"""A sentence carries what it was made of: another language or time zone can be made of that, and no viewer reads it out of the text."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from upgrades.core import messages
from upgrades.core.catalogue import say
from upgrades.core.reason_context import Reason
from upgrades.core.reason_kinds import KINDS, LiftedBy, ReasonCode
from upgrades.core.sentences import Sentence, sentence_shape
from upgrades.core.steps import Why
from upgrades.feed import reason_shapes

NOON = datetime(2018, 9, 25, 12, tzinfo=UTC)
UTC_NOON, ISO_NOON = "2018-09-25 12:00:00 UTC", "2018-09-25T12:00:00.000Z"


def test_times_travel_as_data_beside_text_in_utc() -> None:
    said = sentence_shape(say(Why.VERIFYING, count=3, until=NOON.astimezone(timezone(timedelta(hours=2)))))
    assert said["text"] == f"Waiting for 3 instances to become healthy, until {UTC_NOON} at the latest."
    assert said["template"] == "Waiting for 3 instances to become healthy, until {until} at the latest."
    assert said["key"] == "WaitingForHealth"
    assert said["params"] == {"count": {"type": "count", "value": 3}, "until": {"type": "instant", "value": ISO_NOON}}


def test_peoples_words_are_parameters_and_never_templates() -> None:
    said = sentence_shape(say(Why.FLEET_STOPPED, owner="ada", reason="see {until} tomorrow", until=NOON))
    assert said["template"] == "All automatic upgrades are stopped by ada until {until}: see {{until}} tomorrow"
    assert said["template"].format(until=UTC_NOON) == said["text"]
    assert said["params"]["reason"] == {"type": "text", "value": "see {until} tomorrow"}


def test_every_parameter_has_a_type() -> None:
    said = say("VersionSuspected", version="16.04.2", failed=2, tried=3, good="16.04.1", by_itself=True).params
    assert said["version"] == {"type": "version", "value": "16.04.2"}
    assert (said["failed"]["value"], said["tried"]["value"], said["by_itself"]["type"]) == (2, 3, "flag")
    gate = say(Why.TOO_MANY_UNHEALTHY, sick=3, total=10, share=30.0, limit=20, must_recover=1)
    assert gate.params["limit"] == {"type": "percent", "value": 20}
    gone = say(Why.GONE, count=2, instances=[2, 3], since=NOON)
    assert gone.params["instances"] == {"type": "instances", "value": ["2", "3"]}
    assert say(Why.STALE_HEALTH, as_of=None).params == {}


def test_azures_own_sentences_are_in_no_catalogue() -> None:
    said = sentence_shape(messages.unhealthy_within(100 / 3, 20))
    assert said["key"] == "" and said["params"]["limit"] == {"type": "percent", "value": 20}
    assert said["template"] == said["text"] and " 33.3% of instances" in said["text"]


def test_a_sentence_stays_one_where_facts_are_copied() -> None:
    said = copy.deepcopy(say(Why.PAUSE_BETWEEN_BATCHES, until=NOON))
    assert said == f"Pausing between batches until {UTC_NOON}." and said.params["until"]["value"] == ISO_NOON
    assert said.key == "PauseBetweenBatches"


def test_a_message_takes_exactly_the_values_of_its_template() -> None:
    with pytest.raises(TypeError, match=r'"Paused" takes \[\'by\'\], got \[\'whom\'\]'):
        say(Why.PAUSED, whom="ada")
    with pytest.raises(TypeError):
        say(Why.PAUSED)


@pytest.mark.parametrize("code", KINDS)
def test_a_reason_brings_all_that_a_viewer_must_know_of_its_code(code: StrEnum) -> None:
    reason = Reason(code, "So it is.", "health", LiftedBy.OPERATOR, instances=(1, 2), numbers={"instances": 2})
    (told,) = reason_shapes.reasons([reason], (), NOON)
    assert (told["face"]["fill"], told["face"]["glyph"], told["passes"]) == (
        KINDS[code].fill,
        KINDS[code].glyph,
        KINDS[code].ends_by_itself,
    )
    assert told["text"] == told["template"] == "So it is."


def test_a_decision_says_whether_it_holds_the_upgrade() -> None:
    paused = reason_shapes.decision(Why.PAUSED, say(Why.PAUSED, by="ada"), [], {}, NOON)
    assert (paused["word"], paused["holds"], paused["at_the_gate"], paused["passes"]) == ("Paused", True, True, False)
    assert paused["params"] == {"by": {"type": "text", "value": "ada"}}
    resting = reason_shapes.decision(Why.NOTHING_TO_DO, say(Why.NOTHING_TO_DO), [], {}, NOON)
    assert (resting["face"]["fill"], resting["word"], resting["passes"]) == ("done", "", True)


def test_the_weightiest_reason_is_shown_when_nothing_can_be_done() -> None:
    opted_out = say("OptedOut", count=1, owner="ada", until=NOON, reason="x")
    found = reason_shapes.reasons([Reason(ReasonCode.OPTED_OUT, opted_out, "opt-out")], (), NOON)
    said = reason_shapes.decision(Why.NOTHING_TO_DO, say(Why.NOTHING_TO_DO), found, {}, NOON)
    assert (said["code"], said["face"]["fill"], said["key"]) == ("OptedOut", "out", "OptedOut")
    assert said["template"] == "1 instance opted out by ada until {until}: x"


def test_text_without_parameters_is_a_sentence_too() -> None:
    assert sentence_shape(Sentence("a {b}")) == {"text": "a {b}", "template": "a {{b}}", "key": "", "params": {}}
