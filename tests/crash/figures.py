"""What was measured, as a table and as a file."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.crash.killing import Healing


def table(healings: Iterable[Healing]) -> dict[str, dict[str, float]]:
    """{kind: {"kills", "median", "max"}}, times in seconds."""
    by_kind: dict[str, list[float]] = {}
    for one in healings:
        by_kind.setdefault(one.kind, []).append(one.seconds)
    return {
        kind: {"kills": len(times), "median": round(median(times), 2), "max": round(max(times), 2)}
        for kind, times in sorted(by_kind.items())
    }


def shown(rows: Mapping[str, Mapping[str, float]]) -> str:
    head = f"{'kind':<10} {'kills':>5} {'median':>7} {'max':>7}"
    lines = [f"{kind:<10} {row['kills']:>5} {row['median']:>6.1f}s {row['max']:>6.1f}s" for kind, row in rows.items()]
    return "\n".join((head, *lines))


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Adds them, under this name, to the file that ROLLGRID_FIGURES names; nothing where it names none."""
    place = os.environ.get("ROLLGRID_FIGURES", "")
    if place:
        path = Path(place)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, name: figures}, indent=1))
