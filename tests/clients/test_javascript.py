"""Azure's own libraries for JavaScript, unmodified, against a running Rollgrid over https."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.installation import Installation
from tests.stories import WINDOWS, document

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_clients, pytest.mark.slow]
HERE = Path(__file__).parent / "javascript"
MISSING = (
    "The libraries are not installed: `make install-clients` does it (Node 18 and npm; Debian: apt install nodejs npm)"
)


def a_day(up: Installation, model: Any) -> Any:
    """What the program saw."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "@azure" / "identity").is_dir():
        pytest.fail(MISSING, pytrace=False)
    client = json.loads(up.manage("api_client", "javascript", "--role", "admin", "--json"))
    surroundings = {
        "PATH": os.environ["PATH"],
        "NODE_EXTRA_CA_CERTS": str(up.home / "tls" / "ca.pem"),
        "ROLLGRID": f"https://127.0.0.1:{up.https_port}",
        "TENANT": client["tenantId"],
        "SUBSCRIPTION": client["subscriptionId"],
        "CLIENT": client["clientId"],
        "SECRET": client["clientSecret"],
    }
    words = [node, "scale_sets.mjs"]
    done = subprocess.run(
        words,
        cwd=HERE,
        env=surroundings,
        input=json.dumps(model),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """As the models of JavaScript are: without `properties`."""
    return {**{name: value for name, value in body.items() if name != "properties"}, **body["properties"]}


def test_javascript_logs_in_and_manages_a_scale_set(up: Installation) -> None:
    model = flat(document(image=WINDOWS, capacity=3, automatic=False, tags={"rollgrid-sim-boot-seconds": "0.5"}))
    said = a_day(up, model)
    assert said["created"]["provisioningState"] == "Succeeded"
    assert (said["got"]["sku"]["name"], said["got"]["sku"]["capacity"]) == ("Standard_D2s_v3", 3)
    assert said["got"]["virtualMachineProfile"]["storageProfile"]["osDisk"]["osType"] == "Windows"
    assert said["listed"] == ["web"]
    assert [scale_set.rpartition("/")[2] for scale_set in said["listedEverywhere"]] == ["web"]
    assert said["put"]["tags"] == {"team": "web"}
    assert said["updated"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert [machine["instanceId"] for machine in said["machines"]] == ["0", "1", "2"]
    assert said["machine"]["instanceView"]["statuses"]
    assert said["unprotected"]["protectionPolicy"] == {"protectFromScaleIn": False, "protectFromScaleSetActions": False}
    assert said["view"]["statuses"] and said["history"] == []
    assert said["unknown"] == said["gone"] == {"code": "ResourceNotFound", "status": 404}
    assert said["notDone"] == {"code": "ActionNotSupported", "status": 400}
