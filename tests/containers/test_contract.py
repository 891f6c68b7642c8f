"""The contract of providers, with real containers."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.containers.incus import BROKEN, Incus
from tests.providers.contract import NEW, ProviderContract
from tests.providers.extensions import ExtensionsContract
from tests.providers.power import PowerContract
from tests.providers.restores import RestoreContract
from tests.providers.troubles import TroublesContract
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.incus.records import name_of


class TestContract(ProviderContract, RestoreContract, ExtensionsContract, TroublesContract):
    @pytest.fixture
    def make_provider(self, incus: Incus) -> Callable[[], Provider]:
        return incus.provider

    @pytest.fixture
    def scale_set(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return scale_set

    @pytest.fixture
    def slow(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return scale_set

    @pytest.fixture
    def unlucky(self, incus: Incus, scale_set: ScaleSetReference) -> Iterator[ScaleSetReference]:
        """The new version's image does not boot."""
        before = incus.fingerprint(NEW)
        incus.point(NEW, incus.fingerprint(BROKEN))
        yield scale_set
        incus.point(NEW, before)

    @pytest.fixture
    def silence(self, incus: Incus) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def halted() -> Iterator[None]:
            incus.signal(signal.SIGSTOP)
            try:
                yield
            finally:
                incus.signal(signal.SIGCONT)

        return halted

    @pytest.fixture
    def cut_off(self, incus: Incus) -> Callable[[], None]:
        return incus.restart

    @pytest.fixture
    def take_away(self, incus: Incus) -> Callable[[ScaleSetReference, str], None]:
        return lambda scale_set, instance: incus.remove(name_of(scale_set, instance))


@pytest.mark.slow
class TestPower(PowerContract):
    @pytest.fixture
    def make_provider(self, incus: Incus) -> Callable[[], Provider]:
        return incus.provider

    @pytest.fixture
    def scale_set(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return scale_set
