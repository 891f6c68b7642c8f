"""The simulated provider's part of the contract on what goes wrong."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.providers.simulator import Simulator
from tests.providers.troubles import TroublesContract
from upgrades.providers.base import Provider, ScaleSetReference


class TestTroubles(TroublesContract):
    @pytest.fixture
    def make_provider(self, simulator: Simulator) -> Callable[[], Provider]:
        return simulator.provider

    @pytest.fixture
    def scale_set(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return scale_set

    @pytest.fixture
    def slow(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "1.5"})

    @pytest.fixture
    def silence(self, simulator: Simulator) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def halted() -> Iterator[None]:
            simulator.signal(signal.SIGSTOP)
            try:
                yield
            finally:
                simulator.signal(signal.SIGCONT)

        return halted

    @pytest.fixture
    def cut_off(self, simulator: Simulator) -> Callable[[], None]:
        def die() -> None:
            simulator.kill()
            simulator.start()

        return die

    @pytest.fixture
    def take_away(self, simulator: Simulator) -> Callable[[ScaleSetReference, str], None]:
        def lose(scale_set: ScaleSetReference, instance: str) -> None:
            simulator.kill()
            simulator.change(f"DELETE FROM machines WHERE scale_set = '{scale_set.key}' AND instance = '{instance}'")
            simulator.start()

        return lose
