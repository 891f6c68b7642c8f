"""Events -> the text that clients get: many events of a scale set become one frame, encoded once for all clients."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.core.instants import iso
from upgrades.models import Event


@dataclass(frozen=True, slots=True)
class Frame:
    """A delta from `since` (exclusive) to `seq` (inclusive). Whoever is anywhere in between may apply it: it holds whole resources."""

    since: int
    seq: int
    text: str


def delta(key: str, stream: str, since: int, events: Sequence[Event], now: datetime) -> Frame:
    """One frame of these events, which follow `since` without a gap."""
    seq = events[-1].seq
    head = {"type": "delta", "set": key, "stream": stream, "since": since, "seq": seq, "at": iso(now)}
    return Frame(since, seq, _encode({**head, **merge(events)}))


def merge(events: Sequence[Event]) -> dict[str, Any]:
    """One body in place of several: the last word on each resource counts, and what is removed last stays removed."""
    merged: dict[str, Any] = {}
    instances: dict[str, Any] = {}
    removed: dict[str, None] = {}
    for event in events:
        for id in event.body.get("removed", ()):
            instances.pop(id, None)
            removed[id] = None
        for one in event.body.get("instances", ()):
            instances[one["id"]] = one
        merged.update({name: event.body[name] for name in ("scale_set", "upgrade", "board") if name in event.body})
    if removed:
        merged["removed"] = list(removed)
    if instances:
        merged["instances"] = list(instances.values())
    return merged


def reset(key: str, stream: str, seq: int, reason: str, now: datetime) -> str:
    """Says: what you have is not to be continued; fetch a snapshot. `seq` is the head now."""
    return _encode({"type": "reset", "set": key, "stream": stream, "seq": seq, "reason": reason, "at": iso(now)})


def heartbeat(number: int, heads: dict[str, str], now: datetime) -> str:
    """`heads`: {scale set: "stream.seq"}, so that a client sees by itself whether it missed anything."""
    return _encode({"type": "heartbeat", "n": number, "heads": heads, "at": iso(now)})


def error(code: str, message: str, now: datetime) -> str:
    return _encode({"type": "error", "code": code, "message": message, "at": iso(now)})


def _encode(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
