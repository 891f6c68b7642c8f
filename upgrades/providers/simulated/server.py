"""The simulator process: `manage.py simulator`. Its state is on disk; kill it at any moment and start it again."""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from upgrades import installation
from upgrades.providers.simulated.api import Api
from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.control import (
    AlreadyRunning,
    Control,
    folder_of,
    lock,
    remove_control,
    write_control,
)
from upgrades.providers.simulated.sockets import raise_descriptor_limit
from upgrades.providers.simulated.store import Store
from upgrades.providers.simulated.ticker import OperationWaits, Ticker
from upgrades.providers.simulated.tls import Identity

log = logging.getLogger(__name__)

PURGE_EVERY_SECONDS = 3600.0
KEEP_OPERATIONS_SECONDS = 25 * 3600.0  # a little over the day that is promised
KEEP_RUNS_SECONDS = 30 * 86_400.0


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM or SIGINT. 0: stopped cleanly; 1: could not start or could not go on, with a line on stderr that says why."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s simulator: %(message)s")
    home = _home(argv)
    try:
        folder_of(home).mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock(home), closing(Store(folder_of(home) / "state.sqlite3")) as store:
            return asyncio.run(_serve(home, store))
    except AlreadyRunning as error:
        log.error("%s", error)
    except (sqlite3.Error, OSError) as error:
        log.error("the state in %s cannot be used: %s", folder_of(home), error)
    return 1


def _home(argv: Sequence[str]) -> Path:
    parser = argparse.ArgumentParser(
        prog=f"{installation.PROGRAM} simulator", description="A small cloud of its own, for rehearsals."
    )
    given = os.environ.get("ROLLGRID_HOME", "").strip() or str(installation.default_home())
    parser.add_argument("--home", default=given, help="the state folder (default: $ROLLGRID_HOME, else %(default)s)")
    return Path(parser.parse_args(argv).home).expanduser().resolve()


async def _serve(home: Path, store: Store) -> int:
    verdict = _verdict()
    identity = Identity(folder_of(home) / "machines.pem")
    cloud = Cloud(store, _clock(), asyncio.get_running_loop(), raise_descriptor_limit(), identity)
    cloud.open_listeners()
    waits = OperationWaits()
    ticker = Ticker(cloud, waits, on_error=lambda: _settle(verdict, 1))
    ticker.arm()
    purging = asyncio.create_task(_purge_for_ever(store, cloud.clock))
    async with _listening(home, cloud, ticker, waits):
        code = await verdict
        ticker.stop()
        purging.cancel()
        waits.wake_all()
    cloud.listeners.close_all()
    log.info("stopped")
    return code


def _verdict() -> asyncio.Future[int]:
    """The exit code to come: 0 once somebody wants us to stop."""
    loop = asyncio.get_running_loop()
    verdict: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _settle, verdict, 0)
    return verdict


def _settle(verdict: asyncio.Future[int], code: int) -> None:
    if not verdict.done():
        verdict.set_result(code)


@asynccontextmanager
async def _listening(home: Path, cloud: Cloud, ticker: Ticker, waits: OperationWaits) -> AsyncIterator[None]:
    token = secrets.token_urlsafe(32)
    runner = web.AppRunner(Api(cloud, ticker, waits, token).application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    write_control(home, Control(f"http://127.0.0.1:{port}", token, os.getpid()))
    log.info("ready on 127.0.0.1:%d with %d machines, room for %d", port, cloud.count, cloud.max_machines)
    try:
        yield
    finally:
        remove_control(home)
        await runner.cleanup()


async def _purge_for_ever(store: Store, clock: Callable[[], float]) -> None:
    while True:
        try:
            await _purge(store, clock())
        except sqlite3.Error as error:
            log.error("cannot forget old operations, trying again in an hour: %s", error)
        await asyncio.sleep(PURGE_EVERY_SECONDS)


async def _purge(store: Store, now: float) -> None:
    old_runs = datetime.fromtimestamp(now - KEEP_RUNS_SECONDS, UTC).isoformat(timespec="microseconds")
    while store.purge(operations_before=now - KEEP_OPERATIONS_SECONDS, runs_before=old_runs):
        await asyncio.sleep(0)


def _clock() -> Callable[[], float]:
    """Seconds since 1970 as of this process's start, counted on steadily: setting the computer's clock makes no boot last for ever."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
