"""What is known of a scale set's model's references: when its credentials end (S-42), and which of them failed a check (S-26).

A credential that has ended fails the next upgrade (S-43).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from upgrades.core.instants import iso
from upgrades.core.references import Reference

WARNING_DAYS = (30, 7, 1)
MAX_CREDENTIALS = 20  # that are kept of a model: those that end first


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that ends. `place`: where it is in the model. `shown`: what it gives access to, without the credential itself."""

    place: str
    shown: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class FailedReference:
    """A reference of the model that failed its last check. `place`, `shown`: as in Reference. `says`: why."""

    place: str
    shown: str
    says: str


def credentials_of(references: Iterable[Reference]) -> tuple[Credential, ...]:
    """The credentials among these references whose end is known, the first to end first."""
    found = [Credential(each.place, each.shown, each.expires_at) for each in references if each.expires_at is not None]
    return tuple(sorted(found, key=lambda each: (each.ends_at, each.place)))[:MAX_CREDENTIALS]


def to_json(credentials: Iterable[Credential]) -> list[dict[str, str]]:
    return [{"place": each.place, "shown": each.shown, "ends_at": iso(each.ends_at)} for each in credentials]


def from_json(stored: Iterable[Mapping[str, Any]]) -> tuple[Credential, ...]:
    return tuple(Credential(each["place"], each["shown"], datetime.fromisoformat(each["ends_at"])) for each in stored)


def ended(credentials: Sequence[Credential], now: datetime) -> list[Credential]:
    return [each for each in credentials if each.ends_at <= now]


def ending(credentials: Sequence[Credential], now: datetime) -> list[Credential]:
    """Those that end within the longest of WARNING_DAYS, and have not ended yet."""
    return [each for each in credentials if timedelta() < each.ends_at - now <= timedelta(days=WARNING_DAYS[0])]


def warning_days(ends_at: datetime, now: datetime) -> int:
    """The smallest of WARNING_DAYS within which it ends; the sentence changes with these only, not each day."""
    return min(days for days in WARNING_DAYS if ends_at - now <= timedelta(days=days))


def failed_to_json(failed: Iterable[FailedReference]) -> list[dict[str, str]]:
    return [{"place": each.place, "shown": each.shown, "says": each.says} for each in failed]


def failed_from_json(stored: Iterable[Mapping[str, Any]]) -> tuple[FailedReference, ...]:
    return tuple(FailedReference(each["place"], each["shown"], each["says"]) for each in stored)
