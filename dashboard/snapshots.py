"""Snapshots of the feed over HTTP: encoded and compressed once per revision, for all clients."""

import gzip
import json
from collections import OrderedDict
from threading import Lock
from typing import Any

from upgrades.feed import read

MAX_CACHED = 64
DISKS = ("os_disk", "data_disks")  # of an instance. Their ids are random: two thirds of what is sent


class Snapshots:
    """A cache of compressed snapshots by scale set, with disks and without.

    Each is valid while its revision ("stream.seq") is the present one.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, bool], tuple[str, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, scale_set_id: int, revision: str, *, with_disks: bool = True) -> tuple[str, bytes]:
        """(revision, snapshot as compressed JSON). The revision may be later than the one asked for. Raises ScaleSet.DoesNotExist."""
        name = scale_set_id, with_disks
        with self._lock:
            kept = self._kept.get(name)
        if kept and kept[0] == revision:
            return kept
        snapshot = read.snapshot(scale_set_id)
        if not with_disks:
            snapshot = without_disks(snapshot)
        made = f"{snapshot['stream']}.{snapshot['seq']}", gzip.compress(json.dumps(snapshot).encode(), 5)
        with self._lock:
            self._kept[name] = made
            self._kept.move_to_end(name)
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        return made


def without_disks(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The snapshot for screens that show no disks."""
    instances = {
        number: {name: value for name, value in instance.items() if name not in DISKS}
        for number, instance in snapshot["instances"].items()
    }
    return {**snapshot, "instances": instances}


SNAPSHOTS = Snapshots()
