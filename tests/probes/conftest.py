"""The ways in which an engine can run."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from upgrades.probes import reactor
from upgrades.probes.pollers import SelectorPoller

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop", "selectors"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a coroutine: on either loop, and with the poller of systems without epoll."""
    if request.param == "selectors":
        monkeypatch.setattr(reactor, "best_poller", SelectorPoller)
    return uvloop.run if request.param == "uvloop" else asyncio.run
