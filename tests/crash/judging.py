"""Was anything lost or done twice? Asked of the database, of the machines, and of the simulator's own records."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet
from django.test import override_settings

from tests.end_to_end.installation import LIVE, Installation
from tests.feed_client import FeedClient
from tests.waiting import wait_until
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.feed import read
from upgrades.models import Event, Instance, InstanceUpgrade, RollingUpgrade, ScaleSet

Machines = Mapping[str, InstanceView]


class ToLive:
    """A database router: what the product reads by itself, it reads from the installation under test."""

    def db_for_read(self, model: object, **hints: object) -> str:
        return LIVE


@contextmanager
def reading_live() -> Iterator[None]:
    with override_settings(DATABASE_ROUTERS=["tests.crash.judging.ToLive"]):
        yield


@dataclass(frozen=True)
class Count:
    """OS disks that were replaced (`swaps`) and put back (`restores`), as many as there should be; how many of both are missing, how many
    too many."""

    swaps: int
    lost: int
    doubled: int
    restores: int = 0


@dataclass(frozen=True)
class Came:
    """An OS disk that came on an instance: for its first boot, or put back by `restored_by` (an operation) in the place of `dropped`."""

    disk: str
    restored_by: str = ""
    dropped: str = ""


def every_upgrade_completed(paths: Iterable[str], versions: Iterable[str]) -> None:
    found = RollingUpgrade.objects.using(LIVE).filter(target_version__in=versions)
    rows = sorted(found.values_list("scale_set__key", "target_version", "status"))
    assert rows == sorted((path, version, UpgradeStatus.COMPLETED) for path in paths for version in versions)


def each_swapped_once(
    up: Installation, path: str, versions: list[str], before: Machines, *, bad: Collection[str] = ()
) -> Count:
    """Every instance got every version once, one after the other, and after a bad one the very disk of before, once: members, machines
    and the simulator's records agree."""
    members = _members(path, versions)
    records = _disks_by_record(up, path)
    after = up.views(path)
    assert after.keys() == before.keys() == members.keys()
    wanted, found = Counter[str](), Counter[str]()
    for id, view in after.items():
        assert [row.upgrade.target_version for row in members[id]] == versions
        chain = list(_chain(before[id].os_disk, members[id], bad))
        came = _since(records[id], before[id].os_disk)
        assert [replace(record, restored_by="") for record in came] == chain, f"{path} {id}: {came} came, {chain} known"
        assert view.os_disk == chain[-1].disk and view.version == _last_version(members[id], bad)
        assert view.data_disks == before[id].data_disks and view.data_disks[0].marker
        wanted.update("restores" if record.dropped else "swaps" for record in chain[1:])
        found.update("restores" if record.dropped else "swaps" for record in came[1:])
    restored_by = Counter(record.restored_by for came in records.values() for record in came if record.dropped)
    assert set(restored_by.values()) <= {1} and "" not in restored_by, f"{path}: {restored_by.most_common(1)}"
    lost, doubled = (wanted - found).total(), (found - wanted).total()
    return Count(wanted["swaps"], lost, doubled, wanted["restores"])


def _chain(disk: str, members: list[InstanceUpgrade], bad: Collection[str]) -> Iterator[Came]:
    """The OS disks that must have come on an instance, this one first."""
    yield Came(disk)
    for row in members:
        is_bad = row.upgrade.target_version in bad
        assert row.state == (InstanceUpgradeState.ROLLED_BACK if is_bad else InstanceUpgradeState.SUCCEEDED), (
            f"{row} is {row.state}"
        )
        assert row.old_os_disk == disk, f"{row}: a disk nobody knows of"
        yield Came(row.new_os_disk)
        if is_bad:
            yield Came(disk, dropped=row.new_os_disk)
        else:
            disk = row.new_os_disk


def _last_version(members: list[InstanceUpgrade], bad: Collection[str]) -> str:
    good = [row.upgrade.target_version for row in members if row.upgrade.target_version not in bad]
    return good[-1] if good else members[0].from_version


def _since(came: list[Came], disk: str) -> list[Came]:
    """From the first boot of this disk on."""
    return came[came.index(Came(disk)) :]


def _members(path: str, versions: list[str]) -> dict[str, list[InstanceUpgrade]]:
    rows = InstanceUpgrade.objects.using(LIVE).filter(
        upgrade__scale_set__key=path, upgrade__target_version__in=versions
    )
    found: dict[str, list[InstanceUpgrade]] = defaultdict(list)
    for row in rows.select_related("upgrade").order_by("upgrade__started_at"):
        found[str(row.instance_number)].append(row)
    return found


def _disks_by_record(up: Installation, path: str) -> dict[str, list[Came]]:
    """The OS disks that ever came, by instance, in order: each first boot runs custom data, and the simulator writes that down; among
    these it writes the restores."""
    found: dict[str, list[Came]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{up.home / 'simulator' / 'state.sqlite3'}?mode=ro", uri=True)) as records:
        query = "SELECT instance, os_disk, restored_by, dropped FROM runs WHERE scale_set = ? ORDER BY rowid"
        for instance, *came in records.execute(query, (path,)):
            found[instance].append(Came(*came))
    return found


def health_is_right(paths: Iterable[str], instances: Mapping[str, int]) -> None:
    """All are there, and healthy as soon as they have been asked again: the last kill may have been the simulator's, with all machines."""
    for path in paths:
        rows = ScaleSet.objects.using(LIVE).get(key=path).instances.using(LIVE)
        assert rows.count() == instances[path]
        wait_until(_none(rows.exclude(health=Health.HEALTHY)), seconds=60, what=f"{path} healthy")


def _none(rows: QuerySet[Instance]) -> Callable[[], bool]:
    return lambda: not rows.all().exists()


def events_replay(path: str) -> int:
    """From nothing, the stored events give exactly the snapshot, without a gap. Answers how many there are."""
    snapshot = wait_until(lambda: settled_snapshot(path), what=f"a snapshot of {path} at rest")
    assert snapshot
    events = Event.objects.using(LIVE).filter(scale_set__key=path, seq__lte=snapshot["seq"]).order_by("seq")
    state: dict[str, Any] = {**snapshot, "seq": 0, "scale_set": None, "instances": {}, "upgrade": None, "board": None}
    seqs = []
    for event in events:
        state = read.apply(state, event)
        seqs.append(event.seq)
    assert seqs == list(range(1, snapshot["seq"] + 1)), f"{path}: a gap"
    assert state == snapshot, path
    return len(seqs)


def client_holds_all(client: FeedClient, path: str) -> None:
    """What it was sent, over whatever connections, is exactly the snapshot; nothing was missing on the way."""

    def holds_it() -> bool:
        snapshot = settled_snapshot(path)
        return snapshot is not None and client.holding(path) == snapshot

    wait_until(holds_it, seconds=30, what=f"the client holds {path} as it is")
    assert client.faults == []


def settled_snapshot(path: str) -> dict[str, Any] | None:
    """None where something was written meanwhile."""
    row = ScaleSet.objects.using(LIVE).get(key=path)
    try:
        with reading_live():
            snapshot: dict[str, Any] = json.loads(json.dumps(read.snapshot(row.pk)))
    except ScaleSet.DoesNotExist:
        return None  # it changed all the time, and was read with a lock at last: that is, where one writes, in the tests' own database
    row.refresh_from_db(using=LIVE, fields=["seq"])
    return snapshot if snapshot["seq"] == row.seq else None
