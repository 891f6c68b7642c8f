"""`ReasonKind`: what the code of a decision or reason means. The table of all of them is in core/reasons.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from upgrades.core.catalogue import is_message, say_of
from upgrades.core.waiting import LiftedBy, Reason


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """What one code means. Its sentences are in core/catalogue, under the code.

    `fill`, `glyph`: how it looks; names of looks that instance states have too. `holder`: the name of what holds it, such as "health".
    `lifted_by`: who can end it; `action`: the command that would, "" where none would. A reason may differ in both where the facts say
    so.
    `is_brief`: rows of tables show it in few words; False where their numbers say the same.
    `ends_by_itself`: it ends without anybody's action. `is_work`: machines are at work, and their end is awaited.
    `holds_instances`: it holds the instances that are still to be upgraded.
    `at_the_gate`: a running upgrade waits for it before its next batch.
    `needs_person_after`: so many seconds after it began, a person has to act; None for never.
    `of_instances`: it is about the instances themselves, and each of them shows it too.
    `explains`: the instance states that it accounts for.
    `gauge`: the name of the board's gauge that it is about. `tries_again`: when it ends, the stopped attempt is tried again.
    """

    fill: str
    glyph: str
    holder: str = ""
    lifted_by: LiftedBy = LiftedBy.NOBODY
    action: str = ""
    is_brief: bool = True
    ends_by_itself: bool = False
    is_work: bool = False
    holds_instances: bool = False
    at_the_gate: bool = False
    needs_person_after: int | None = None
    of_instances: bool = False
    explains: tuple[str, ...] = ()
    gauge: str = ""
    tries_again: bool = False


NO_NUMBERS: Mapping[str, float] = MappingProxyType({})
NO_VALUES: Mapping[str, object] = MappingProxyType({})


def made(
    kinds: Mapping[StrEnum, ReasonKind],
    code: StrEnum,
    values: Mapping[str, object] = NO_VALUES,
    *,
    variant: str = "",
    lifted_by: LiftedBy | None = None,
    action: str | None = None,
    until: datetime | None = None,
    since: datetime | None = None,
    instances: tuple[int, ...] | None = None,
    numbers: Mapping[str, float] = NO_NUMBERS,
) -> Reason:
    """A reason of this code. Its sentences take what they need of `values`, `numbers`, `until`, `since`, `instances` and their `count`.

    `variant`: which sentence, where the code has several. `lifted_by`, `action`: where they are not those of the table."""
    kind, count = kinds[code], len(instances or ())
    known = {**numbers, "until": until, "since": since, "instances": instances, "count": count, **values}
    few, text_for_one = f"{code}.brief", f"{code}.each"
    return Reason(
        code,
        say_of(f"{code}.{variant}" if variant else code, known),
        kind.holder,
        kind.lifted_by if lifted_by is None else lifted_by,
        kind.action if action is None else action,
        until,
        numbers,
        instances,
        since,
        text_for_one=say_of(text_for_one, known) if instances is not None and is_message(text_for_one) else "",
        brief=(say_of(few, known) if is_message(few) else None) if kind.is_brief else "",
    )
