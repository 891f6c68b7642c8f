"""What was measured, as a table and as a file."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.crash.judging import Count
from tests.crash.killing import Healing
from tests.feed_client import FeedClient


def of_kills(seed: str, healings: Sequence[Healing], counts: Sequence[Count]) -> dict[str, Any]:
    """The whole result: kills, swaps of OS disks, what was lost and what was done twice, healing times in seconds by kind."""
    return {
        "seed": seed,
        "kills": len(healings),
        "swaps": sum(count.swaps for count in counts),
        "lost": sum(count.lost for count in counts),
        "doubled": sum(count.doubled for count in counts),
        "healing": _by_kind(healings),
    }


def of_client(client: FeedClient) -> dict[str, Any]:
    """How a client of the feed fared."""
    reasons = Counter(reason for _, reason in client.resets)
    return {"connections": client.connections, "deltas": client.counts["delta"], "resets": dict(reasons)}


def _by_kind(healings: Iterable[Healing]) -> dict[str, dict[str, float]]:
    times: dict[str, list[float]] = {}
    for healing in healings:
        times.setdefault(healing.kind, []).append(healing.seconds)
    return {
        kind: {"kills": len(all), "median": round(median(all), 1), "max": round(max(all), 1)}
        for kind, all in sorted(times.items())
    }


def shown(result: Mapping[str, Any]) -> str:
    """As a table for people."""
    lines = [f"{'kind':<10} {'kills':>5} {'median':>7} {'max':>7}"]
    for kind, row in result["healing"].items():
        lines.append(f"{kind:<10} {row['kills']:>5} {row['median']:>6.1f}s {row['max']:>6.1f}s")
    lines.append("{kills} kills, {swaps} swaps of OS disks, {lost} lost, {doubled} doubled".format(**result))
    lines.append(f"a client of the feed: {result['feed']}")
    return "\n".join(lines)


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Adds them, under this name, to the file that ROLLGRID_FIGURES names; nothing where it names none."""
    place = os.environ.get("ROLLGRID_FIGURES", "")
    if place:
        path = Path(place)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, name: figures}, indent=1))
