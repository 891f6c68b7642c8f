"""What the terminal says where the engine stands still: who does no work, since when; and no promise of a time that is past."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from upgrades import engine_state, heartbeats
from upgrades.management.text import moment
from upgrades.models import ScaleSet

GRACE = timedelta(seconds=10)  # until a reconcile has come, and has been recorded


def engine(now: datetime) -> list[str]:
    """The parts that do no work; nothing where this is no state folder of an `up`."""
    if heartbeats.read(settings.ROLLGRID_HOME) is None:
        return []
    simulator = ScaleSet.objects.filter(location__provider="simulated").exists()
    away = engine_state.away(settings.ROLLGRID_HOME, now, simulator=simulator)
    said = [f"{part.part} (since {moment(part.since)})" if part.since else str(part.part) for part in away]
    return [f"No work is done by: {', '.join(said)}", ""] if said else []


def text_of(decision: Mapping[str, Any], now: datetime) -> str:
    """What the last reconcile said, as long as its time is not past."""
    same = (reason for reason in decision.get("reasons", ()) if reason["code"] == decision.get("code"))
    until = max((reason["until"] for reason in same if reason["until"]), default=None)
    return _if_not_past(str(decision.get("text", "")), until, now)


def text_of_reason(reason: Mapping[str, Any], now: datetime) -> str:
    return _if_not_past(str(reason["text"]), reason["until"], now)


def _if_not_past(text: str, until: str | None, now: datetime) -> str:
    if until is None or datetime.fromisoformat(until) + GRACE > now:
        return text
    return f"This was to be over at {moment(until)}; nobody has looked since."
