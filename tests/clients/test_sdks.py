"""Azure's own libraries for JavaScript and Python, unmodified, against a running Rollgrid over https."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients import tables
from tests.clients.cloud import Cloud, installed, run
from tests.stories import FIRST_VERSION, WINDOWS, document

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_clients, pytest.mark.slow]
HERE = Path(__file__).parent
JAVASCRIPT = HERE / "javascript"
MISSING = (
    "The libraries are not installed: `make install-clients` does it (Node 18 and npm; Debian: apt install nodejs npm)"
)


def python_operations(cloud: Cloud, name: str, table: str, group: str, **more: str) -> list[str]:
    """Has the SDK in this environment do what the table says. Answers what of it does not hold."""
    rows = tables.read(HERE / table / "operations.txt", **cloud.values(group))
    given = {"environment": {**cloud.settings, **more}, "operations": [row.operation for row in rows]}
    program = [str(installed(name) / "bin" / "python"), str(HERE / "python_operations.py")]
    said = [json.loads(line) for line in run(program, cloud.surroundings(), json.dumps(given)).splitlines()]
    assert len(said) == len(rows)
    return [says for row, result in zip(rows, said, strict=True) for says in tables.wrong(row, **result)]


def test_the_newest_sdk_for_python_does_its_table(cloud: Cloud) -> None:
    assert python_operations(cloud, "sdk", "sdk", "sdk") == []


def a_day(cloud: Cloud, model: Any) -> Any:
    """What the program saw."""
    node = shutil.which("node")
    if node is None or not (JAVASCRIPT / "node_modules" / "@azure" / "identity").is_dir():
        pytest.fail(MISSING, pytrace=False)
    values = cloud.values("javascript")
    names = {name: values[name] for name in ("TENANT", "SUBSCRIPTION", "CLIENT", "SECRET")}
    surroundings = cloud.surroundings(ROLLGRID=cloud.server, **names)
    return json.loads(run([node, "scale_sets.mjs"], surroundings, json.dumps(model), JAVASCRIPT))


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """As the models of JavaScript are: without `properties`."""
    return {**{name: value for name, value in body.items() if name != "properties"}, **body["properties"]}


def test_javascript_logs_in_and_manages_a_scale_set(cloud: Cloud) -> None:
    model = flat(document(image=WINDOWS, capacity=3, automatic=False, tags={"rollgrid-sim-boot-seconds": "0.5"}))
    said = a_day(cloud, model)
    assert WINDOWS[0] in said["publishers"] and WINDOWS[1] in said["offers"] and WINDOWS[2] in said["skus"]
    assert said["versions"] == said["newest"] == [said["image"]["name"]] == [FIRST_VERSION]
    assert said["created"]["provisioningState"] == "Succeeded"
    assert (said["got"]["sku"]["name"], said["got"]["sku"]["capacity"]) == ("Standard_D2s_v3", 3)
    assert said["got"]["virtualMachineProfile"]["storageProfile"]["osDisk"]["osType"] == "Windows"
    assert said["listed"] == ["web"]
    assert said["created"]["id"] in said["listedEverywhere"]
    assert said["put"]["tags"] == {"team": "web"}
    assert said["updated"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert [machine["instanceId"] for machine in said["machines"]] == ["0", "1", "2"]
    assert said["machine"]["instanceView"]["statuses"]
    assert said["unprotected"]["protectionPolicy"] == {"protectFromScaleIn": False, "protectFromScaleSetActions": False}
    assert said["view"]["statuses"] and said["history"] == []
    _check_operations(said)
    assert said["unknown"] == said["gone"] == {"code": "ResourceNotFound", "status": 404}
    assert said["notDone"] == {"code": "ActionNotSupported", "status": 400}


def _check_operations(said: Any) -> None:
    assert said["noneYet"] == {"code": "ResourceNotFound", "status": 404}
    assert said["nothingToCancel"] == {"code": "Conflict", "status": 409}
    assert said["nothingNewer"] is None, "as in Azure, it is over at once"
    assert (said["off"], said["on"]) == ("PowerState/stopped", "PowerState/running")
    assert said["left"] == ["web_0", "web_1"] and said["capacity"] == 2
