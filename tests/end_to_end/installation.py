"""A whole Rollgrid: `manage.py up` as a subprocess, used through its command line, watched through its database and its machines."""

import asyncio
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dj_database_url
from django.conf import settings
from django.db import DatabaseError, connections

from tests import databases
from tests.end_to_end.terminal import Terminal, terminal
from tests.feed_client import Session
from tests.supervisor.starting import SERVER, Up, environment
from tests.waiting import wait_until
from upgrades.core.machines import InstanceView
from upgrades.core.states import IN_FLIGHT, Health
from upgrades.models import Instance, InstanceUpgrade, RollingUpgrade, ScaleSet
from upgrades.providers.base import ProviderError, ScaleSetReference
from upgrades.providers.simulated.client import SimulatedProvider

LIVE = "live"


@dataclass
class Installation(Up):
    """One running Rollgrid with all its processes; its database is Django's connection "live"."""

    without: str = "nothing"
    terminal: Terminal | None = None

    def manage(self, *words: str, fails: bool = False) -> str:
        """Runs a command as a person at the terminal would. Answers what it says."""
        assert self.terminal, "it is not running yet"
        done = self.terminal.run(words)
        assert (done.returncode != 0) is fails, f"{words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def put(self, path: str, document: Any, *, kind: str = "scale_set") -> str:
        file = self.home / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps(document))
        return self.manage(f"put_{kind}", path, str(file))

    def signed_in(self) -> Session:
        """As the first user."""
        site = Session(f"http://127.0.0.1:{self.http_port}")
        return site.sign_in("admin", (self.home / "admin-password").read_text().strip())

    def scale_set(self, path: str) -> ScaleSet:
        return ScaleSet.objects.using(LIVE).get(key=path.lower())

    def instances(self, path: str) -> list[Instance]:
        rows = Instance.objects.using(LIVE).filter(scale_set__key=path.lower())
        return list(rows.select_related("member").order_by("number"))

    def upgrade(self, path: str) -> RollingUpgrade | None:
        rows = RollingUpgrade.objects.using(LIVE).filter(scale_set__key=path.lower())
        return rows.order_by("-started_at").first()

    def is_healthy(self, path: str) -> bool:
        rows = self.instances(path)
        wanted = self.scale_set(path).capacity
        return len(rows) == wanted and all(row.health == Health.HEALTHY for row in rows)

    def wait_healthy(self, path: str, *, seconds: float = 90) -> None:
        wait_until(lambda: self.is_healthy(path), seconds=seconds, what=f"all of {path} healthy")

    def wait_ended(self, path: str, version: str, *, seconds: float = 120) -> RollingUpgrade:
        def ended() -> RollingUpgrade | None:
            upgrade = self.upgrade(path)
            return upgrade if upgrade and upgrade.target_version == version and upgrade.ended_at else None

        upgrade = wait_until(ended, seconds=seconds, what=f"the upgrade of {path} to {version} ended")
        assert upgrade
        return upgrade

    def views(self, path: str) -> dict[str, InstanceView]:
        """The machines, as the simulator itself sees them."""

        with asyncio.Runner() as runner, self.viewer(runner, path) as view:
            return view()

    @contextmanager
    def viewer(self, runner: asyncio.Runner, path: str) -> Iterator[Callable[[], dict[str, InstanceView]]]:
        """The same, to be asked again and again on one connection."""
        self.scale_set_tags.setdefault(path, self.scale_set(path).tags)
        reference = ScaleSetReference(path.lower(), self.scale_set_tags[path])
        provider = SimulatedProvider(self.home, {})
        try:
            yield lambda: dict(runner.run(provider.views(reference)))
        finally:
            runner.run(provider.close())

    def delete_scale_sets(self) -> None:
        """Deletes them all, so that the next images are rolled through those of the next stories only."""
        wait_until(self._is_without_scale_sets, seconds=120, what="no scale set left")

    def _is_without_scale_sets(self) -> bool:
        """Asks to delete those that nobody has asked to delete; that is refused while one is being upgraded."""
        assert self.terminal, "it is not running yet"
        rows = list(ScaleSet.objects.using(LIVE).all())
        upgraded = set(RollingUpgrade.objects.using(LIVE).filter(ended_at=None).values_list("scale_set_id", flat=True))
        for row in rows:
            if not row.deleting and row.pk not in upgraded:
                self.terminal.run(["delete_scale_set", str(row)])
        return not rows

    scale_set_tags: dict[str, dict[str, str]] = field(default_factory=dict)


@contextmanager
def installation(home: Path, server: str = SERVER, **more: str) -> Iterator[Installation]:
    """Starts it on the kind of database that the tests run on, waits until it is ready, ends it."""
    with databases.one_for(home) as url:
        up = Installation(home, more={"DATABASE_URL": url, **more} if url else more, server=server)
        try:
            up.ready()
            with _connected(home, url), terminal(environment(home, **up.more)) as up.terminal:
                yield up
        finally:
            up.end()


@contextmanager
def _connected(home: Path, url: str) -> Iterator[None]:
    """Django's connection "live" leads to that database, and afterwards to the one before."""
    before = connections.settings.get(LIVE)
    if before:
        _disconnect()
    place: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{home / 'rollgrid.sqlite3'}"))
    default = settings.DATABASES["default"]
    options = {**default["OPTIONS"], **place.get("OPTIONS", {})}
    connections.settings[LIVE] = {**default, "NAME": place["NAME"], "OPTIONS": options, "CONN_MAX_AGE": 0}
    try:
        yield
    finally:
        _disconnect()
        if before:
            connections.settings[LIVE] = before


def _disconnect() -> None:
    connections[LIVE].close()
    del connections[LIVE]
    del connections.settings[LIVE]


class Watch:
    """Samples a scale set again and again while something happens: in the database, and at the machines themselves."""

    def __init__(self, up: Installation, path: str, *, every: float = 0.1) -> None:
        self.up = up
        self.path = path
        self.every = every
        self.in_flight: list[int] = []
        self.batches_at_once: list[int] = []
        self.machines_down: list[int] = []
        self.machines_up: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner, self.up.viewer(runner, self.path) as view:
            while not self._stop.wait(self.every):
                with suppress(DatabaseError, ProviderError):
                    self._sample(view)
        connections[LIVE].close()

    def _sample(self, view: Callable[[], dict[str, InstanceView]]) -> None:
        members = InstanceUpgrade.objects.using(LIVE).filter(
            upgrade__scale_set__key=self.path.lower(), state__in=IN_FLIGHT
        )
        batches = list(members.values_list("batch", flat=True))
        self.in_flight.append(len(batches))
        self.batches_at_once.append(len(set(batches)))
        machines = view().values()
        down = [view for view in machines if view.provisioning != "succeeded"]
        self.machines_down.append(len(down))
        self.machines_up.append(len(machines) - len(down))


def each(rows: list[Instance], value: Callable[[Instance], object]) -> set[object]:
    return {value(row) for row in rows}
