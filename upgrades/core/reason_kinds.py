"""What the code of a decision or a reason means for whoever shows it: one table, carried with the reason, so that no viewer has a list."""

from dataclasses import dataclass

from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy

Code = Why | InstanceWhy


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """`fill` and `glyph`: how it looks, among those of an instance's states. `word`: what an upgrade that it holds is, in a word or two.

    `passes`: it asks nothing of anybody. `works`: machines are at work, and a look awaits them. `holds`: it holds those that are still to
    come. `at_the_gate`: an upgrade that runs waits for it before its next batch. `needs_person_after`: so many seconds after it
    began somebody has to do something about it; None where that is never so. `is_own`: it says what its instances are, and each of
    them says so itself. `explains`: the states of instances that it accounts for. `gauge`: the gauge of the board that it tells of.
    `tries_again`: when it ends, what stopped is tried again. `expected`: what as many scale sets as have it are counted as, for one and
    for more; None where it is nothing that somebody planned.
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


# The weightiest first: reasons are ranked in this order.
KINDS: dict[Code, ReasonKind] = {
    Why.NO_IMAGE: ReasonKind("waiting", "pending", needs_person_after=0),
    Why.NOT_MADE: ReasonKind("failure", "failed", needs_person_after=0, is_own=True),
    Why.GONE: ReasonKind("attention", "unknown", passes=True, is_own=True),
    InstanceWhy.SURPLUS: ReasonKind("out", "opted-out"),
    InstanceWhy.SHUT_BY_OPT_OUTS: ReasonKind("attention", "unhealthy", needs_person_after=0),
    Why.GATE: ReasonKind("attention", "unhealthy", holds=True, is_own=True, gauge="unhealthy"),
    # Health that is late for a moment is no news.
    Why.STALE_HEALTH: ReasonKind("attention", "unknown", "Held", holds=True, at_the_gate=True, needs_person_after=15),
    # What somebody means to be so waits: only what is wrong is painted as wrong.
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
