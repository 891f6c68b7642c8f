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

    `fill`, `glyph`: how it looks; names of looks that instance states have too. `gate`: the name of what holds it, such as "health".
    `who`: who can end it; `act`: the command that would, "" where none would. A reason may have another `who` or `act` where the
    facts say so.
    `is_brief`: rows of tables show it in few words; False where their numbers say the same.
    `passes`: it ends without anybody's action. `works`: machines are at work, and their end is awaited.
    `holds`: it holds the instances that are still to be upgraded. `at_the_gate`: a running upgrade waits for it before its next batch.
    `needs_person_after`: so many seconds after it began, a person has to act; None for never.
    `is_own`: it describes the instances themselves, and each of them shows it too. `explains`: the instance states that it accounts for.
    `gauge`: the name of the board's gauge that it is about. `tries_again`: when it ends, the stopped attempt is tried again.
    """

    fill: str
    glyph: str
    gate: str = ""
    who: LiftedBy = LiftedBy.NOBODY
    act: str = ""
    is_brief: bool = True
    passes: bool = False
    works: bool = False
    holds: bool = False
    at_the_gate: bool = False
    needs_person_after: int | None = None
    is_own: bool = False
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
    who: LiftedBy | None = None,
    act: str | None = None,
    until: datetime | None = None,
    since: datetime | None = None,
    instances: tuple[int, ...] | None = None,
    numbers: Mapping[str, float] = NO_NUMBERS,
) -> Reason:
    """A reason of this code. Its sentences take what they need of `values`, `numbers`, `until`, `since`, `instances` and their `count`.

    `variant`: which sentence, where the code has several. `who`, `act`: where they are not those of the table."""
    kind, count = kinds[code], len(instances or ())
    known = {**numbers, "until": until, "since": since, "instances": instances, "count": count, **values}
    few, each = f"{code}.brief", f"{code}.each"
    return Reason(
        code,
        say_of(f"{code}.{variant}" if variant else code, known),
        kind.gate,
        kind.who if who is None else who,
        kind.act if act is None else act,
        until,
        numbers,
        instances,
        since,
        each=say_of(each, known) if instances is not None and is_message(each) else "",
        brief=(say_of(few, known) if is_message(few) else None) if kind.is_brief else "",
    )
