"""What each code of a decision or reason means to viewers: one table. Each reason carries its entry, so that no viewer has a list."""

from dataclasses import dataclass

from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy

Code = Why | InstanceWhy


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """What one code means.

    `fill`, `glyph`: how it looks; names of looks that instance states have too. `word`: one or two words for an upgrade that it holds.
    `passes`: it ends without anybody's action. `works`: machines are at work, and their end is awaited.
    `holds`: it holds the instances that are still to be upgraded. `at_the_gate`: a running upgrade waits for it before its next batch.
    `needs_person_after`: so many seconds after it began, a person has to act; None for never.
    `is_own`: it describes the instances themselves, and each of them shows it too. `explains`: the instance states that it accounts for.
    `gauge`: the name of the board's gauge that it is about. `tries_again`: when it ends, the stopped attempt is tried again.
    `expected`: (singular, plural) under which scale sets that have it are counted; None if nobody planned it.
    """

    fill: str
    glyph: str
    word: str = ""
    passes: bool = False
    works: bool = False
    holds: bool = False
    at_the_gate: bool = False
    needs_person_after: int | None = None
    is_own: bool = False
    explains: tuple[str, ...] = ()
    gauge: str = ""
    tries_again: bool = False
    expected: tuple[str, str] | None = None


def _at_work(glyph: str, fill: str = "active") -> ReasonKind:
    return ReasonKind(fill, glyph, passes=True, works=True)


# Reasons are ranked in this order, the weightiest first.
KINDS: dict[Code, ReasonKind] = {
    Why.NO_IMAGE: ReasonKind("waiting", "pending", needs_person_after=0),
    Why.NOT_MADE: ReasonKind("failure", "failed", needs_person_after=0, is_own=True),
    Why.GONE: ReasonKind("attention", "unknown", passes=True, is_own=True),
    InstanceWhy.SURPLUS: ReasonKind("out", "opted-out"),
    InstanceWhy.SHUT_BY_OPT_OUTS: ReasonKind("attention", "unhealthy", needs_person_after=0),
    Why.GATE: ReasonKind("attention", "unhealthy", holds=True, is_own=True, gauge="unhealthy"),
    # Health that is stale for a moment needs nobody.
    Why.STALE_HEALTH: ReasonKind("attention", "unknown", "Held", holds=True, at_the_gate=True, needs_person_after=15),
    # What a person wanted looks like waiting: only what is wrong looks wrong.
    Why.FLEET_STOPPED: ReasonKind("waiting", "cord", "Held", holds=True, at_the_gate=True),
    Why.PAUSED: ReasonKind("waiting", "held", "Paused", holds=True, at_the_gate=True, expected=("paused", "paused")),
    Why.WAITING_FOR_APPROVAL: ReasonKind(
        "waiting", "held", "Waiting for approval", at_the_gate=True, needs_person_after=0
    ),
    InstanceWhy.IMPOSSIBLE: ReasonKind("out", "opted-out"),
    Why.BACKING_OFF: ReasonKind("waiting", "held", holds=True, tries_again=True),
    Why.STOPPED: ReasonKind("waiting", "held", holds=True),
    InstanceWhy.SUSPECTED: ReasonKind("attention", "failed"),
    InstanceWhy.PINNED_WITHDRAWN: ReasonKind("attention", "held", needs_person_after=0),
    InstanceWhy.WITHDRAWN: ReasonKind("attention", "held", needs_person_after=0),
    InstanceWhy.PINNED: ReasonKind("waiting", "pending"),
    InstanceWhy.AUTOMATIC_OFF: ReasonKind("waiting", "pending"),
    InstanceWhy.QUARANTINED: ReasonKind("attention", "quarantined", needs_person_after=0, is_own=True),
    InstanceWhy.FAILED_BEFORE: ReasonKind("failure", "failed", is_own=True, explains=("failed", "rolled-back")),
    InstanceWhy.OPTED_OUT: ReasonKind("out", "opted-out", is_own=True, explains=("opted-out",)),
    InstanceWhy.SWITCHED_OFF: ReasonKind("waiting", "switched-off", is_own=True),
    Why.ROLLING_BACK: _at_work("rolling-back", "attention"),
    Why.INITIALIZING: ReasonKind("active", "verifying", passes=True, at_the_gate=True),
    Why.PAUSE: ReasonKind(
        "active", "held", passes=True, at_the_gate=True, expected=("planned pause", "planned pauses")
    ),
    Why.ROOM: ReasonKind("waiting", "unknown"),
    Why.REPLACING: _at_work("upgrading"),
    Why.SURGING: _at_work("upgrading"),
    Why.RUNNING_EXTENSIONS: _at_work("upgrading"),
    Why.VERIFYING: _at_work("verifying"),
    Why.CLEARING: _at_work("upgrading"),
    Why.CREATING: _at_work("upgrading"),
    InstanceWhy.TURN: ReasonKind("waiting", "queued", passes=True),
    Why.NOTHING_TO_DO: ReasonKind("done", "done", passes=True),
}
RANK = {code: place for place, code in enumerate(KINDS)}
WORK = frozenset(code for code, kind in KINDS.items() if kind.works)
HOLDS = frozenset(code for code, kind in KINDS.items() if kind.holds)
AT_THE_GATE = frozenset(code for code, kind in KINDS.items() if kind.at_the_gate)
