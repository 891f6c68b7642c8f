"""Short forms of reasons, for the rows of tables."""

from collections.abc import Callable
from datetime import datetime

from upgrades.core.sentences import Percent, Sentence, at, sentence
from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy, Reason


def brief(reason: Reason) -> str:
    """The reason in few words; "" if a table's row says the same by its numbers; the whole sentence if there is no short form."""
    says = BRIEFS.get(reason.code)
    return says(reason) if says else reason.text


@sentence
def _unhealthy(unhealthy: int, total: int, limit: Percent) -> str:
    return f"{unhealthy} of {total} unhealthy, limit {limit:g} %"


@sentence
def _opted_out_unhealthy(count: int) -> str:
    return f"{count} opted out and unhealthy"


@sentence
def _not_made(count: int, capacity: int) -> str:
    return f"{count} of {capacity} could not be created"


@sentence
def _gone(count: int, capacity: int) -> str:
    return f"{count} of {capacity} gone at the provider"


@sentence
def _fleet_stopped() -> str:
    return "Automatic upgrades are stopped"


@sentence
def _unapproved(count: int) -> str:
    return f"{count} waiting for approval"


@sentence
def _impossible() -> str:
    return "The remaining instances are opted out"


@sentence
def _again(until: datetime | None) -> str:
    return f"Retries at {at(until)}" if until else "Retries by itself"


@sentence
def _cancelled() -> str:
    return "Cancelled. Start manually to continue."


@sentence
def _pause(until: datetime | None) -> str:
    return f"Pauses until {at(until)}" if until else "Pauses"


@sentence
def _quarantined(count: int) -> str:
    return f"{count} in quarantine"


@sentence
def _failed(count: int) -> str:
    return f"{count} failed, not retried automatically"


@sentence
def _switched_off(count: int) -> str:
    return f"{count} switched off"


@sentence
def _behind(count: int) -> str:
    return f"{count} behind; automatic is off"


def _number(reason: Reason, name: str) -> int:
    return int(reason.numbers.get(name, 0))


def _count(reason: Reason) -> int:
    return len(reason.instances or ())


def _gate(reason: Reason) -> Sentence:
    limit = reason.numbers.get("limit_percent", 0)
    return _unhealthy(_number(reason, "unhealthy"), _number(reason, "total"), limit)


def _nothing(reason: Reason) -> str:
    return ""


BRIEFS: dict[Why | InstanceWhy, Callable[[Reason], str]] = {
    Why.GATE: _gate,
    InstanceWhy.SHUT_BY_OPT_OUTS: lambda reason: _opted_out_unhealthy(_count(reason)),
    Why.NOT_MADE: lambda reason: _not_made(_number(reason, "instances"), _number(reason, "capacity")),
    Why.GONE: lambda reason: _gone(_number(reason, "instances"), _number(reason, "capacity")),
    Why.FLEET_STOPPED: lambda reason: _fleet_stopped(),
    Why.WAITING_FOR_APPROVAL: lambda reason: _unapproved(_count(reason)),
    InstanceWhy.IMPOSSIBLE: lambda reason: _impossible(),
    Why.BACKING_OFF: lambda reason: _again(reason.until),
    Why.STOPPED: lambda reason: _cancelled(),
    Why.PAUSE: lambda reason: _pause(reason.until),
    InstanceWhy.QUARANTINED: lambda reason: _quarantined(_count(reason)),
    InstanceWhy.FAILED_BEFORE: lambda reason: _failed(_count(reason)),
    InstanceWhy.SWITCHED_OFF: lambda reason: _switched_off(_count(reason)),
    InstanceWhy.AUTOMATIC_OFF: lambda reason: _behind(_number(reason, "instances")),
    InstanceWhy.OPTED_OUT: _nothing,
    InstanceWhy.TURN: _nothing,
    Why.REPLACING: _nothing,
    Why.RUNNING_EXTENSIONS: _nothing,
    Why.SURGING: _nothing,
    Why.VERIFYING: _nothing,
}


@sentence
def over(share: Percent, limit: Percent, *, of_upgraded: bool) -> str:
    """By how much an upgrade went over the limit that stopped it."""
    whose = "of the upgraded " if of_upgraded else ""
    return f"{round(share, 1):g} % {whose}unhealthy, limit {limit:g} %"
