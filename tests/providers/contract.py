"""What every provider must do (upgrades/providers/checks), as tests. Subclass `ProviderContract` in the provider's own tests and give its
fixtures; `RestoreContract` (restores.py), `ExtensionsContract` (extensions.py) and `TroublesContract` (troubles.py) too.
"""

from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any

import pytest

from upgrades.providers.base import MachineProfile, Operation, Provider, ScaleSetReference
from upgrades.providers.checks import machines
from upgrades.providers.checks.site import FURNISHED as FURNISHED
from upgrades.providers.checks.site import PLAIN, Check, Site, Skipped
from upgrades.providers.checks.site import done as done
from upgrades.providers.checks.site import outcomes as outcomes
from upgrades.providers.checks.site import play as play

Story = Callable[[Provider], Coroutine[Any, Any, None]]
Tell = Callable[[Story], None]
OLD, NEW, _ = Site.versions


def create(
    scale_set: ScaleSetReference, instance: str, version: str = OLD, profile: MachineProfile = PLAIN
) -> Operation:
    return _of(scale_set).create(instance, version, profile)


def reimage(
    scale_set: ScaleSetReference, instance: str, version: str = NEW, profile: MachineProfile = PLAIN
) -> Operation:
    return _of(scale_set).reimage(instance, version, profile)


def delete(scale_set: ScaleSetReference, instance: str) -> Operation:
    return _of(scale_set).delete(instance)


def restore(scale_set: ScaleSetReference, instance: str, os_disk: str, version: str = OLD) -> Operation:
    return _of(scale_set).restore(instance, os_disk, version)


def extend(scale_set: ScaleSetReference, instance: str, profile: MachineProfile, version: str = OLD) -> Operation:
    return _of(scale_set).extend(instance, profile, version)


def _of(scale_set: ScaleSetReference) -> Site:
    def make() -> Provider:
        raise NotImplementedError("only its operations are of use here")

    return Site(scale_set, make)


class Stories:
    @pytest.fixture
    def make_provider(self) -> Callable[[], Provider]:
        raise NotImplementedError("the provider under test")

    @pytest.fixture
    def scale_set(self) -> ScaleSetReference:
        raise NotImplementedError("a scale set that no other test uses; its operations take a noticeable moment")

    @pytest.fixture
    def tell(self, make_provider: Callable[[], Provider]) -> Tell:
        return lambda story: play(make_provider, story)

    @pytest.fixture
    def site(self, make_provider: Callable[[], Provider], scale_set: ScaleSetReference) -> Site:
        return Site(scale_set, make_provider)


class ProviderContract(Stories):
    @pytest.mark.parametrize("check", machines.checks.all, ids=attrgetter("name"))
    def test_machines(self, check: Check, site: Site) -> None:
        told(check, site)


def told(check: Check, site: Site) -> None:
    try:
        play(site.make, lambda provider: check.story(site, provider))
    except Skipped as skipped:
        pytest.skip(str(skipped))
