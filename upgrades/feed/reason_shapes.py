"""Decisions, reasons and possible actions -> the JSON that every screen gets. docs/feed.md, "Reasons"."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from upgrades.core.actions import Action
from upgrades.core.catalogue import is_message, say, text_of
from upgrades.core.instants import iso
from upgrades.core.reason_context import Reason
from upgrades.core.reason_kinds import KINDS
from upgrades.core.sentences import Param, SentenceShape, sentence_shape
from upgrades.core.steps import Why
from upgrades.models import RollingUpgrade


class FaceShape(TypedDict):
    """How something looks. `fill` and `glyph` are among those that instances' states have."""

    fill: str
    glyph: str


class ExpectedShape(TypedDict):
    """The label under which scale sets are counted that wait as planned: for one (`one`), and for several (`other`)."""

    one: str
    other: str


class DecisionShape(SentenceShape):
    """What was decided last. `word`: one or two words for the state of an upgrade that waits because of it, "" where none does."""

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
    """Why something is not moving; part of a scale set's `decision`. `instances` is null where the scale set as a whole waits.

    `brief`: the same in few words, null where a table's row shows none. `each`: the same said of a single one of the instances, null where
    the sentence fits each of them. `remedy`: what `who` can do about it, in words. The other fields: core/reason_kinds.py.
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
    """Whether people can do an action now; if not, `why` is the reason in a sentence. Part of a scale set's `decision`.

    `key` and `params` are those of the sentence."""

    possible: bool
    why: str
    key: str
    params: dict[str, Param]


class BreachShape(SentenceShape):
    """What stopped an upgrade, in Azure's words. `brief` and `exceeded` are None where it was no limit.

    `brief`: the same in a few plain words. `exceeded`: `share_percent`, `limit_percent`, and `of_upgraded` (of the upgraded instances; else
    of all).
    """

    code: str
    brief: SentenceShape | None
    instances: list[str]
    exceeded: dict[str, float] | None


def reasons(found: Iterable[Reason], before: Iterable[Mapping[str, Any]], now: datetime) -> list[ReasonShape]:
    """Reasons in the shape in which they are stored with the decision.

    A reason that was among those `before` keeps its `since`, even if its numbers change. A `since` in the future (the clock was set back)
    becomes now.
    """
    since = {seen["code"]: min(seen["since"], iso(now)) for seen in before}
    shapes = [_reason(reason) for reason in found]
    for reason in shapes:
        reason["since"] = reason["since"] or since.get(reason["code"], iso(now))
    return shapes


def actions(why_not: Mapping[Action, str]) -> dict[str, ActionShape]:
    """Actions in the shape in which they are stored with the decision. `why_not`: the reason against each, "" where it is possible."""
    told = {action: sentence_shape(why) for action, why in why_not.items()}
    return {
        action.value: ActionShape(possible=not why["text"], why=why["text"], key=why["key"], params=why["params"])
        for action, why in told.items()
    }


def decision(
    code: StrEnum, text: str, found: list[ReasonShape], before: Mapping[str, Any], now: datetime
) -> DecisionShape:
    """The decision in the shape in which it is stored: what is waited for, and every reason why something is waiting.

    Where there is nothing to do now although something should be done, it shows the first reason instead of "nothing to do".
    """
    said = sentence_shape(text)
    if code is Why.NOTHING_TO_DO and found:
        first = found[0]
        code = next(kind for kind in KINDS if kind.value == first["code"])
        said = SentenceShape(text=first["text"], template=first["template"], key=first["key"], params=first["params"])
    kind, here = KINDS[code], iso(now)
    return DecisionShape(
        **said,
        code=code.value,
        since=min(before["since"], here) if before.get("code") == code.value else here,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        word=text_of(f"{code}.word"),
        passes=kind.ends_by_itself,
        works=kind.is_work,
        holds=kind.holds_instances,
        at_the_gate=kind.at_the_gate,
        reasons=found,
    )


def _reason(reason: Reason) -> ReasonShape:
    kind, few = KINDS[reason.code], reason.text if reason.brief is None else reason.brief
    return ReasonShape(
        **sentence_shape(reason.text),
        code=reason.code.value,
        brief=sentence_shape(few) if few else None,
        each=sentence_shape(reason.text_for_one) if reason.text_for_one else None,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        passes=kind.ends_by_itself,
        needs_person_after=kind.needs_person_after,
        is_own=kind.of_instances,
        explains=list(kind.explains),
        gauge=kind.gauge,
        tries_again=kind.tries_again,
        expected=_expected(reason.code),
        gate=reason.holder,
        since=iso(reason.since),
        until=iso(reason.until),
        who=reason.lifted_by.value,
        remedy=_remedy(reason),
        act=reason.action,
        numbers=dict(reason.numbers),
        instances=None if reason.instances is None else [str(number) for number in reason.instances],
    )


def _remedy(reason: Reason) -> str:
    """What ends it: in words of its own where it has them, or else by whom it can be ended."""
    own = f"remedy.{reason.code}"
    return say(own if is_message(own) else f"remedy.{reason.lifted_by}")


def _expected(code: StrEnum) -> ExpectedShape | None:
    single, several = f"{code}.expected.one", f"{code}.expected.other"
    return ExpectedShape(one=say(single), other=say(several)) if is_message(single) else None


def breach_of(row: RollingUpgrade) -> BreachShape | None:
    """The breach that stopped an upgrade, or None. Upgrades from before breaches were stored have None too; their `error` tells."""
    if row.breach is None:
        return None
    numbers = [str(number) for number in row.breach["instances"]]
    said: SentenceShape = {"key": "", **(row.breach.get("sentence") or sentence_shape(row.breach["message"]))}
    exceeded = row.breach["exceeded"]
    few = sentence_shape(_over(exceeded)) if exceeded else None
    return BreachShape(**said, code=row.breach["code"], brief=few, instances=numbers, exceeded=exceeded)


def _over(exceeded: Mapping[str, Any]) -> str:
    share, limit = exceeded["share_percent"], exceeded["limit_percent"]
    return say("upgrade.over_the_limit", share=share, limit=limit, of_upgraded=bool(exceeded["of_upgraded"]))
