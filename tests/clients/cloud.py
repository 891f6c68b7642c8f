"""A cloud for clients: an Azure emulator with two versions of each image that they ask for, known by the settings that it prints."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.environment import CHECKOUT
from tests.stories import FIRST_VERSION, UBUNTU, document
from tests.supervisor.starting import environment

NEXT_VERSION = "2.0.0"
ENVIRONMENTS = Path(sys.prefix) / "clients"
SECONDS = 400


@dataclass(frozen=True)
class Cloud:
    """`settings`: environment variables, as Azure's clients read them."""

    settings: dict[str, str]

    @property
    def server(self) -> str:
        return self.settings["AZURE_AUTHORITY_HOST"]

    def manage(self, *words: str) -> str:
        """A command of ours. Answers what it says."""
        command = [sys.executable, "-m", "dashboard", *words]
        given = environment(Path(self.settings["ROLLGRID_HOME"]))
        done = subprocess.run(command, cwd=CHECKOUT, env=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def values(self, group: str) -> dict[str, str]:
        """For a table's $NAMES."""
        return {
            "GROUP": group,
            "SERVER": self.server,
            "TENANT": self.settings["AZURE_TENANT_ID"],
            "SUBSCRIPTION": self.settings["AZURE_SUBSCRIPTION_ID"],
            "CLIENT": self.settings["AZURE_CLIENT_ID"],
            "SECRET": self.settings["AZURE_CLIENT_SECRET"],
            "MODEL": json.dumps(model()),
            "LATEST": json.dumps(with_latest()),
        }

    def surroundings(self, **more: str) -> dict[str, str]:
        """For a client's process: the settings, and nothing of ours."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, **self.settings, "HOME": self.settings["ROLLGRID_HOME"], **more}


def model() -> dict[str, Any]:
    """A scale set of three machines that start at once and have an older version of the image."""
    return document(capacity=3, version=FIRST_VERSION, automatic=False, tags={"rollgrid-sim-boot-seconds": "0.2"})


def with_latest() -> dict[str, Any]:
    publisher, offer, sku = UBUNTU
    image = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
    return {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": image}}}}


def installed(name: str) -> Path:
    """The environment of a client. Fails the test where it is not there."""
    import pytest

    found = ENVIRONMENTS / name
    if not (found / "bin" / "python").exists():
        pytest.fail(f"{name} is not installed: `make install-clients` or `make test-clients` does it", pytrace=False)
    return found


def run(command: list[str], surroundings: dict[str, str], given: str = "", folder: Path = CHECKOUT) -> str:
    """What a client's program writes. Fails where it fails."""
    done = subprocess.run(
        command, cwd=folder, env=surroundings, input=given, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    return done.stdout
