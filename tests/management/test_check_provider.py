"""`manage.py check_provider`: the contract's checks against a location."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.providers.conftest import shared_simulator as shared_simulator
from tests.providers.hosts.folder_driver import FolderDriver
from tests.providers.simulator import Simulator
from upgrades import providers
from upgrades.models import Location
from upgrades.providers.base import Capabilities, KeptOSDisk
from upgrades.providers.hosts.stepped import SteppedProvider

pytestmark = pytest.mark.django_db
SKU = "Canonical:UbuntuServer:16.04-LTS"
GIVEN = ("--versions", "1.0", "1.1", "1.2")


class Forgetful(FolderDriver):
    """Makes new data disks with a new OS disk, and keeps no OS disk."""

    capabilities = Capabilities(poll_seconds=0, kept_os_disk=KeptOSDisk.NONE)

    async def step(self, operation: Any, memory: Any) -> Any:
        result = await super().step(operation, memory)
        if operation.kind == "reimage":
            (path,) = self._folder.glob(f"*+{operation.instance}.machine")
            path.write_text(path.read_text().replace('"data": [[0, "', '"data": [[0, "x'))
        return result


class ForgetfulProvider(SteppedProvider):
    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        super().__init__(home / "journal", Forgetful(home))


def check_provider(*words: str) -> str:
    out = StringIO()
    try:
        call_command("check_provider", *words, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


@pytest.fixture
def location(settings: Settings, shared_simulator: Simulator) -> Location:
    settings.ROLLGRID_HOME = shared_simulator.home
    Location.objects.all().delete()
    return Location.objects.create(name="here", display_name="Here")


def test_the_simulator_keeps_the_contract(location: Location, shared_simulator: Simulator) -> None:
    said = check_provider("simulated", "--location", "here", "--sku", SKU, *GIVEN, "--only", "restores")
    assert "ok       A restored machine is as it was" in said
    assert "a rollback puts back that very disk" in said
    assert said.splitlines()[-1] == "11 ok, 0 FAILED, 0 skipped"


def test_a_broken_promise_is_shown_with_its_line_and_values(
    location: Location, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ROLLGRID_HOME = tmp_path
    monkeypatch.setitem(providers.PROVIDERS, "forgetful", f"{__name__}:ForgetfulProvider")
    Location.objects.update(provider="forgetful")
    said = check_provider("forgetful", "--location", "here", "--sku", SKU, *GIVEN, "--only", "machines", "restores")
    lines = said.splitlines()
    at = lines.index("FAILED   A reimage swaps the OS disk and keeps the data disks")
    assert "before.data_disks == after.data_disks" in lines[at + 1]
    assert "before = InstanceView(" in "".join(lines[at : at + 5])
    assert "skipped  A restored machine is as it was" in lines
    assert "It keeps no OS disk: there is no rollback." in lines
    assert lines[-1] == "the provider does not keep its contract here"
    assert not list(tmp_path.glob("*.machine"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("simulated", "--location", "there", "--sku", SKU), "there is no location 'there'; there are: here"),
        (("qemu-of-mine", "--location", "here", "--sku", SKU), "is 'simulated', not 'qemu-of-mine'"),
        (("simulated", "--location", "here", "--sku", "a:b:c"), "a:b:c has 0 versions in here, and two are needed"),
        (("simulated", "--location", "here", "--sku", "Canonical"), "'Canonical' is not PUBLISHER:OFFER:SKU"),
    ],
)
def test_bad_words_are_refused_before_any_machine_is_made(
    location: Location, words: tuple[str, ...], says: str
) -> None:
    assert says in check_provider(*words)
