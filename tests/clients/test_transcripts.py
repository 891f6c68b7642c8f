"""Clients that no registry has: what they send, as transcripts of our own making from their documentation, and what they read.

Terraform's provider azurerm, and PowerShell's modules AzureRM and Az. Each transcript is sent to the API in this process.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.arm.attempts import ended
from tests.arm.client import Api
from tests.clients import tables
from tests.clients.tables import Row
from tests.stories import NOW, a_scale_set, publish
from upgrades.arm import clock

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent


@dataclass
class Transcript:
    """One that is being sent. `kept`: bodies by the names under which they were kept."""

    folder: Path
    api: Api
    values: dict[str, str]
    kept: dict[str, Any] = field(default_factory=dict)

    def send(self, row: Row) -> list[str]:
        """What of it does not hold."""
        method, address, *rest = row.operation.split(" ", 2)
        given, _, name = "".join(rest).partition("=> ")
        said = self.api.raw(method, address, self._body(given.strip()))
        if name:
            self.kept[name] = said.body
        same = [line.removeprefix("same ") for line in row.holds if line.startswith("same ")]
        differs = [f"{row.operation}: it is not as before" for kept in same if self.kept[kept] != said.body]
        plain = Row(row.operation, [line for line in row.holds if not line.startswith("same ")])
        answer = {"status": said.status, "body": said.body, "headers": said.headers}
        unexpected = said.status >= 400 and not any(line.startswith("status") for line in row.holds)
        return [
            *tables.wrong(plain, answer, None),
            *differs,
            *([f"{row.operation}: {said.body}"] if unexpected else []),
        ]

    def _body(self, given: str) -> Any:
        if given.endswith(".json"):
            return json.loads(Template((self.folder / given).read_text()).substitute(self.values))
        return json.loads(given) if given else None


def replay(file: str, api: Api, **more: str) -> list[str]:
    """Sends a transcript. Answers what does not hold."""
    group = f"/subscriptions/{api.subscription}/resourceGroups/fleet"
    values = {
        "SUBSCRIPTION": api.subscription,
        "TENANT": api.tenant,
        "GROUP": group,
        "SETS": f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets",
        "NETWORK": f"{group}/providers/Microsoft.Network",
        **more,
    }
    path = HERE / file
    transcript = Transcript(path.parent, api, values)
    rows = tables.read(path, **values)
    assert len(rows) > 4
    return [says for row in rows for says in transcript.send(row)]


@pytest.fixture
def api(db: None, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return Api()


def test_terraform_has_an_empty_plan_after_each_change(api: Api) -> None:
    assert replay("terraform/life.txt", api) == []


def upgraded(api: Api) -> dict[str, Any]:
    """A scale set after an upgrade, as a client of 2018 has it in its hands, with the switch turned on."""
    publish("16.04.2")
    row = a_scale_set(instances=3, version="16.04.2", automatic=False)
    ended(row, NOW)
    whole = api.get("/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web").body
    whole["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"] = {"enableAutomaticOSUpgrade": True}
    return whole  # type: ignore[no-any-return]


@pytest.mark.parametrize("module", ["azurerm", "az"])
def test_powershells_cmdlets_find_all_that_they_read(api: Api, module: str) -> None:
    web = json.dumps(upgraded(api))
    assert replay(f"powershell/{module}.txt", api, WEB=web) == []
