"""What tests of the feed's relay share: a client that keeps what it is sent, and stories with a relay. No broker: no hint ever comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dashboard.listener import EVERYBODY, Listener
from dashboard.relay import Relay
from dashboard.viewers import Viewer
from tests import waiting
from tests.stories import NOW
from tests.threads import in_thread
from upgrades.feed import read
from upgrades.feed.writing import writing
from upgrades.models import Event, Instance, ScaleSet

ANSWER_TIMEOUT_SECONDS = 20


class Client:
    """What a browser does: fetches a snapshot when told to reset, and applies deltas by replacing resources."""

    def __init__(
        self,
        *keys: str,
        since: dict[str, str] | None = None,
        states: dict[str, Any] | None = None,
        viewer: Viewer = EVERYBODY,
    ) -> None:
        self.said: list[dict[str, Any]] = []
        self.closed: list[int] = []
        self.states: dict[str, Any] = states or {}
        self.listener = Listener(frozenset(keys) or None, since or {}, self._receive, self._close, viewer)

    async def _receive(self, text: str) -> None:
        message = json.loads(text)
        self.said.append(message)
        if message["type"] == "reset" and message["reason"] != "gone":
            self.states[message["set"]] = await in_thread(_snapshot, message["set"])
        if message["type"] == "delta":
            self._apply(message)

    def _apply(self, message: dict[str, Any]) -> None:
        state = self.states[message["set"]]
        if message["seq"] > state["seq"]:
            assert message["since"] <= state["seq"], "a gap"
            self.states[message["set"]] = read.apply(state, Event(seq=message["seq"], body=message))

    async def _close(self, code: int) -> None:
        self.closed.append(code)

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.said if message["type"] != "heartbeat"]

    def is_current(self) -> bool:
        return all(state == _snapshot(key) for key, state in self.states.items())


def _snapshot(key: str) -> Any:
    return json.loads(json.dumps(read.snapshot(ScaleSet.objects.get(key=key).pk)))


def clock() -> datetime:
    return NOW


async def until(condition: Callable[[], object]) -> None:
    await waiting.until(lambda: in_thread(condition), seconds=ANSWER_TIMEOUT_SECONDS)


@pytest.fixture
def tell(settings: Settings, tmp_path: Path) -> Callable[[Callable[[Relay], Awaitable[None]]], None]:
    """Tells a story with a relay in an event loop of its own."""
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"

    def telling(story: Callable[[Relay], Awaitable[None]]) -> None:
        async def run() -> None:
            relay = Relay(clock)
            try:
                await story(relay)
            finally:
                await relay.close()

        asyncio.run(run())

    return telling


def change(row: ScaleSet, number: int, health: str) -> None:
    with writing(NOW, row.pk) as writer:
        instance = Instance.objects.get(scale_set=row, number=number)
        instance.health = health
        instance.save(update_fields=["health"])
        writer.changed(instance)
