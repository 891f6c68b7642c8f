"""The feed: what somebody who follows the events has is the snapshot, and its counts add up."""

import json
from collections import Counter
from typing import Any

from tests.orchestrator.model.rows import IN_FLIGHT, Row, Rows, is_older
from upgrades.feed import read

Json = dict[str, Any]


class Follower:
    def __init__(self) -> None:
        self._states: dict[int, Json] = {}
        self._streams: dict[int, Any] = {}
        self._fed: dict[int, Row] = {}

    def check(self, rows: Rows, *, even_if_quiet: bool = False) -> None:
        for pk, row in rows.sets.items():
            if not even_if_quiet and row["seq"] == self._states.get(pk, {}).get("seq") and row == self._fed.get(pk):
                continue
            self._fed[pk] = row
            now = _through_json(read.snapshot(pk))
            if self._streams.get(pk) != row["stream"]:
                self._streams[pk] = row["stream"]
                self._states[pk] = {
                    "stream": now["stream"],
                    "seq": 0,
                    "scale_set": None,
                    "instances": {},
                    "upgrade": None,
                    "board": None,
                }
            self._states[pk] = self._replayed(pk, self._states[pk], now["seq"])
            assert self._states[pk] == now, _difference(self._states[pk], now)
            _check_progress(rows, now)

    def _replayed(self, pk: int, state: Json, seq: int) -> Json:
        events = read.since(pk, state["seq"])
        assert [event.seq for event in events] == list(range(state["seq"] + 1, seq + 1)), "the seq has a gap"
        for event in events:
            state = read.apply(state, event)
        return state


def _check_progress(rows: Rows, shown: Json) -> None:
    upgrade = shown["upgrade"]
    if upgrade is None:
        return
    members = [row for row in rows.members.values() if str(row["upgrade_id"]) == upgrade["id"]]
    targeted = [row for row in members if row["state"] != "skipped"]
    taken = {row["instance_number"] for row in members}
    waiting = [instance for instance in shown["instances"].values() if _waits(instance, upgrade, taken)]
    progress = upgrade["progress"]
    if upgrade["ended_at"] is None:
        assert sum(progress.values()) == len(targeted) + len(waiting), f"{progress} of {len(targeted)} + {len(waiting)}"
    states = Counter(row["state"] for row in targeted)
    assert progress["successful"] == states["succeeded"]
    assert progress["failed"] == states["failed"] + states["rolled_back"]
    assert progress["in_progress"] == sum(states[state] for state in IN_FLIGHT)


def _waits(instance: Json, upgrade: Json, taken: set[int]) -> bool:
    target = upgrade["target"]["version"]
    is_in_quarantine = upgrade["started_by"] == "Platform" and instance["quarantined_at"] is not None
    is_gone = instance["power"] in ("stopped", "deallocated") or instance["operation"] == "delete"
    is_held = instance["opt_out"] is not None or is_gone or is_in_quarantine
    if is_held or int(instance["id"]) in taken or _is_spare(instance):
        return False
    if upgrade["kind"] == "extensions":
        return bool(instance["version"]) and _extensions_of(instance) != upgrade["extensions"]
    has_failed = instance["failed_version"] == target
    if upgrade["only_failed"]:
        return bool(has_failed)
    return is_older(instance["version"], target) and bool(upgrade["takes_failed"] or not has_failed)


def _is_spare(instance: Json) -> bool:
    member = instance["member"]
    return bool(member and member["replacement"] == instance["id"] and member["state"] != "succeeded")


def _extensions_of(instance: Json) -> list[str]:
    """As docs/feed.md says."""
    there_are = [each for each in instance["extensions"] if each["state"] != "failed"]
    return sorted(f"{each['name'].lower()} {each['version']}".rstrip() for each in there_are)


def _through_json(snapshot: Json) -> Json:
    seen: Json = json.loads(json.dumps(snapshot))
    return seen


def _difference(replayed: Json, now: Json) -> str:
    parts = [f"{key}: replayed {replayed[key]} now {now[key]}" for key in now if replayed[key] != now[key]]
    return "events do not lead to the snapshot: " + "; ".join(parts)[:3000]
