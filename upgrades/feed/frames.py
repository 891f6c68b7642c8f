"""Events -> the text that clients get: several events of a scale set become one frame, encoded once for all clients."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.core.feed_version import VERSION
from upgrades.core.instants import iso
from upgrades.models import Event


@dataclass(frozen=True, slots=True)
class Frame:
    """A delta from `since` (exclusive) to `seq` (inclusive). Clients at any seq in between can apply it too: it holds whole resources."""

    since: int
    seq: int
    text: str


def delta(key: str, stream: str, since: int, events: Sequence[Event], now: datetime) -> Frame:
    """One frame for these events of the scale set `key`, which must follow `since` without a gap."""
    seq = events[-1].seq
    head = {"type": "delta", "set": key, "stream": stream, "since": since, "seq": seq, "at": iso(now)}
    return Frame(since, seq, _encode({**head, **merge(events)}))


def merge(events: Sequence[Event]) -> dict[str, Any]:
    """One body for several events: each resource as the last of them has it. `removed` is to be applied before `instances`."""
    merged: dict[str, Any] = {}
    instances: dict[str, Any] = {}
    removed: dict[str, None] = {}
    for event in events:
        for id in event.body.get("removed", ()):
            instances.pop(id, None)
            removed[id] = None
        for instance in event.body.get("instances", ()):
            instances[instance["id"]] = instance
        merged.update({name: event.body[name] for name in ("scale_set", "upgrade", "board") if name in event.body})
    if removed:
        merged["removed"] = list(removed)
    if instances:
        merged["instances"] = list(instances.values())
    return merged


def reset(key: str, stream: str, seq: int, reason: str, now: datetime) -> str:
    """The message that tells a client to fetch a snapshot, since deltas cannot continue what it has. `seq` is the last one now."""
    return _encode(
        {
            "type": "reset",
            "set": key,
            "stream": stream,
            "seq": seq,
            "reason": reason,
            "version": VERSION,
            "at": iso(now),
        }
    )


def heartbeat(number: int, heads: dict[str, str], now: datetime) -> str:
    """The message that shows a client whether it has missed anything. `heads`: {key of a scale set: "stream.seq"}."""
    return _encode({"type": "heartbeat", "n": number, "heads": heads, "version": VERSION, "at": iso(now)})


def error(code: str, message: str, now: datetime) -> str:
    return _encode({"type": "error", "code": code, "message": message, "at": iso(now)})


def _encode(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
