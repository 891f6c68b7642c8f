"""Snapshots of the feed over HTTP: encoded and compressed once per revision, for all clients."""

import gzip
import json
from collections import OrderedDict
from threading import Lock

from upgrades.feed import read

MAX_CACHED = 64  # scale sets


class Snapshots:
    """A cache of compressed snapshots by scale set, each valid while its revision ("stream.seq") is the present one."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[str, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, scale_set_id: int, revision: str) -> tuple[str, bytes]:
        """(revision, snapshot as compressed JSON). The revision may be later than the one asked for. Raises ScaleSet.DoesNotExist."""
        with self._lock:
            kept = self._kept.get(scale_set_id)
        if kept and kept[0] == revision:
            return kept
        snapshot = read.snapshot(scale_set_id)
        made = f"{snapshot['stream']}.{snapshot['seq']}", gzip.compress(json.dumps(snapshot).encode(), 5)
        with self._lock:
            self._kept[scale_set_id] = made
            self._kept.move_to_end(scale_set_id)
            while len(self._kept) > MAX_CACHED:
                self._kept.popitem(last=False)
        return made


SNAPSHOTS = Snapshots()
