"""A location whose machines are on another host: only the worker and the prober of its queue ask its provider there."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from dashboard import state_secrets
from dashboard.environment import CHECKOUT, bundled_redis_url
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import LIVE, Installation
from tests.supervisor.starting import environment
from upgrades.core.machines import InstanceView
from upgrades.core.states import UpgradeStatus
from upgrades.models import Location
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.simulated.client import SimulatedProvider

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
PATH, QUEUE = "fleet/elsewhere", "kvm1"


class Host:
    """Another host: a state folder, a cloud of its own, and the processes of one queue. Database and broker are those of `up`."""

    def __init__(self, up: Installation, home: Path) -> None:
        self._home = home
        password = state_secrets.read(up.home, state_secrets.BROKER_PASSWORD)
        with patch.dict(os.environ, ROLLGRID_HOME=str(up.home)):
            broker = bundled_redis_url(password)
        self._environment = environment(
            home,
            ROLLGRID_QUEUE=QUEUE,
            ROLLGRID_SECRET_KEY=state_secrets.read(up.home, state_secrets.SECRET_KEY),
            REDIS_URL=broker,
            DATABASE_URL=up.more.get("DATABASE_URL") or f"sqlite:///{up.home / 'rollgrid.sqlite3'}",
            PYTHONPATH=str(CHECKOUT),
        )

    @contextmanager
    def running(self, command: str) -> Iterator["subprocess.Popen[bytes]"]:
        with (self._home.with_name(f"{self._home.name}-{command}.log")).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dashboard", command],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=self._home,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def views(self, up: Installation) -> dict[str, InstanceView]:
        """The machines of PATH that are here."""
        scale_set = ScaleSetReference(PATH, up.scale_set(PATH).tags)

        async def ask() -> dict[str, InstanceView]:
            provider = SimulatedProvider(self._home, {})
            try:
                return dict(await provider.views(scale_set))
            finally:
                await provider.close()

        return asyncio.run(ask())


def test_a_location_is_run_by_the_workers_of_its_queue(up: Installation, tmp_path: Path) -> None:
    home = tmp_path / "host"
    home.mkdir(mode=0o700)
    host = Host(up, home)
    Location.objects.using(LIVE).filter(name="westeurope").update(queue=QUEUE)
    version = next_version()
    with ExitStack() as rest:
        rest.callback(lambda: Location.objects.using(LIVE).filter(name="westeurope").update(queue=""))
        for command in ("simulator", "prober"):
            rest.enter_context(host.running(command))
        with host.running("worker"):
            put_fleet(up, PATH, 5)
        assert len(host.views(up)) == 5
        assert up.views(PATH) == {}, "the cloud of `up` has no machine of it"
        refused = up.manage("check_provider", "simulated", "--location", "westeurope", "--sku", "a:b:c", fails=True)
        assert "is run from another host" in refused
        publish(up, version)
        with host.running("worker"):
            upgrade = up.wait_ended(PATH, version)
        assert upgrade.status == UpgradeStatus.COMPLETED
        assert {view.version for view in host.views(up).values()} == {version}
        assert up.views(PATH) == {}


def test_a_location_without_a_queue_is_left_to_the_installation(up: Installation, tmp_path: Path) -> None:
    home = tmp_path / "host"
    home.mkdir(mode=0o700)
    host = Host(up, home)
    with host.running("prober"), host.running("worker"):
        put_fleet(up, "fleet/here", 3)
        publish(up, version := next_version())
        assert up.wait_ended("fleet/here", version).status == UpgradeStatus.COMPLETED
    assert len(up.views("fleet/here")) == 3
