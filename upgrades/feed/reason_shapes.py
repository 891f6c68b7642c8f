"""What was decided, why, and what a person can do now -> the JSON that every screen sees. docs/feed.md, "Reasons"."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from upgrades.core import briefs
from upgrades.core.actions import Action
from upgrades.core.instants import iso
from upgrades.core.reason_kinds import KINDS, Code
from upgrades.core.sentences import SentenceShape, shaped
from upgrades.core.steps import Why
from upgrades.core.waiting import REMEDIES, Reason
from upgrades.models import RollingUpgrade


class FaceShape(TypedDict):
    """How something looks; both are among those of an instance's states."""

    fill: str
    glyph: str


class ExpectedShape(TypedDict):
    """What scale sets are counted as that wait as it was planned."""

    one: str
    other: str


class DecisionShape(SentenceShape):
    """What the last look decided. `word`: what an upgrade that it holds is, in a word or two, "" where it holds none."""

    code: str
    since: str | None
    face: FaceShape
    word: str
    passes: bool
    works: bool
    holds: bool
    at_the_gate: bool
    reasons: list["ReasonShape"]


class ReasonShape(SentenceShape):
    """Why something is not moving; within a scale set's `decision`. `instances` is null where it holds the scale set as a whole.

    `brief`: the same in few words, null where a row of a table needs none. `each`: the same of one of its instances alone, null where the
    sentence fits each. `remedy`: what `who` can do about it, in words. What the other members mean: core/reason_kinds.py.
    """

    code: str
    brief: SentenceShape | None
    each: SentenceShape | None
    face: FaceShape
    passes: bool
    needs_person_after: int | None
    is_own: bool
    explains: list[str]
    gauge: str
    tries_again: bool
    expected: ExpectedShape | None
    gate: str
    since: str | None
    until: str | None
    who: str
    remedy: str
    act: str
    numbers: dict[str, float]
    instances: list[str] | None


class ActionShape(TypedDict):
    """Whether people can do it now; where not, `why` says so in a sentence. Within a scale set's `decision`."""

    possible: bool
    why: str


class BreachShape(SentenceShape):
    """What stopped an upgrade, in Azure's words. `brief`: in few and plain ones, None where no limit did.

    `exceeded` has `share_percent`, `limit_percent` and `of_upgraded` (else of all), where a limit did.
    """

    code: str
    brief: SentenceShape | None
    instances: list[str]
    exceeded: dict[str, float] | None


def reasons(found: Iterable[Reason], before: Iterable[Mapping[str, Any]], now: datetime) -> list[ReasonShape]:
    """As they are stored with the decision. One that was there `before` is there since then, however its numbers move; where that lies in
    the future the clock was set back, and it is there since now."""
    since = {one["code"]: min(one["since"], iso(now)) for one in before}
    shaped = [_reason(one) for one in found]
    for one in shaped:
        one["since"] = one["since"] or since.get(one["code"], iso(now))
    return shaped


def actions(why_not: Mapping[Action, str]) -> dict[str, ActionShape]:
    """As they are stored with the decision."""
    return {action.value: ActionShape(possible=not why, why=why) for action, why in why_not.items()}


def decision(
    code: Code, text: str, found: list[ReasonShape], before: Mapping[str, Any], now: datetime
) -> DecisionShape:
    """As it is stored: what is waited for, and every reason why anything stands still.

    Where nothing can be done, but something is to be, the weightiest reason is what is said, rather than that there is nothing to do.
    """
    said = shaped(text)
    if code is Why.NOTHING_TO_DO and found:
        first = found[0]
        code = next(one for one in KINDS if one.value == first["code"])
        said = SentenceShape(text=first["text"], template=first["template"], params=first["params"])
    kind, here = KINDS[code], iso(now)
    return DecisionShape(
        **said,
        code=code.value,
        since=min(before["since"], here) if before.get("code") == code.value else here,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        word=kind.word,
        passes=kind.passes,
        works=kind.works,
        holds=kind.holds,
        at_the_gate=kind.at_the_gate,
        reasons=found,
    )


def _reason(one: Reason) -> ReasonShape:
    kind, few = KINDS[one.code], briefs.brief(one)
    return ReasonShape(
        **shaped(one.text),
        code=one.code.value,
        brief=shaped(few) if few else None,
        each=shaped(one.each) if one.each else None,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        passes=kind.passes,
        needs_person_after=kind.needs_person_after,
        is_own=kind.is_own,
        explains=list(kind.explains),
        gauge=kind.gauge,
        tries_again=kind.tries_again,
        expected=ExpectedShape(one=kind.expected[0], other=kind.expected[1]) if kind.expected else None,
        gate=one.gate,
        since=iso(one.since),
        until=iso(one.until),
        who=one.who.value,
        remedy=REMEDIES[one.who],
        act=one.act,
        numbers=dict(one.numbers),
        instances=None if one.instances is None else [str(number) for number in one.instances],
    )


def breach_of(row: RollingUpgrade) -> BreachShape | None:
    """None too for upgrades that were stopped before this was kept: their `error` says it in words."""
    if row.breach is None:
        return None
    numbers = [str(number) for number in row.breach["instances"]]
    said = row.breach.get("sentence") or shaped(row.breach["message"])
    exceeded = row.breach["exceeded"]
    few = shaped(_over(exceeded)) if exceeded else None
    return BreachShape(**said, code=row.breach["code"], brief=few, instances=numbers, exceeded=exceeded)


def _over(exceeded: Mapping[str, Any]) -> str:
    share, limit = exceeded["share_percent"], exceeded["limit_percent"]
    return briefs.over(share, limit, of_upgraded=bool(exceeded["of_upgraded"]))
