"""`rollgrid azure-emulator`: one command, and Azure's clients have a cloud whose settings it has printed."""

import json
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from dashboard.environment import CHECKOUT
from tests.stories import FIRST_VERSION, document
from tests.supervisor.azure_emulator import AzureEmulator
from tests.supervisor.starting import environment, free_port

pytestmark = pytest.mark.end_to_end
COMPUTE = "providers/Microsoft.Compute"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[AzureEmulator]:
    started = AzureEmulator(tmp_path / "home")
    yield started
    started.clean_up()


class Caller:
    """A client of the API that knows nothing but the settings."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.trusted = ssl.create_default_context(cafile=settings["SSL_CERT_FILE"])
        tenant, id, secret = (settings[f"ARM_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"))
        form = {"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
        answer = self.open(
            Request(f"{settings['AZURE_AUTHORITY_HOST']}/{tenant}/oauth2/v2.0/token", urlencode(form).encode())
        )
        self.token = answer["access_token"]

    def open(self, request: Request) -> Any:
        with urlopen(request, timeout=30, context=self.trusted) as answer:
            return json.load(answer)

    def __call__(self, path: str, method: str = "GET", body: Any = None) -> Any:
        base = f"https://{self.settings['ARM_METADATA_HOSTNAME']}/subscriptions/{self.settings['ARM_SUBSCRIPTION_ID']}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return self.open(Request(f"{base}/{path}?api-version=2024-07-01", content, headers, method=method))


def test_the_emulator_prints_the_settings_of_clients_and_leaves_nothing_behind(emulator: AzureEmulator) -> None:
    settings = emulator.settings()
    assert settings == emulator.settings_in(emulator.env_file.read_text())
    home = Path(settings["ROLLGRID_HOME"])
    assert home != emulator.home and emulator.env_file.stat().st_mode & 0o777 == 0o600
    call = Caller(settings)
    assert call(f"{COMPUTE}/virtualMachineScaleSets") == {"value": []}, "the fleet is empty"
    created = call(f"resourceGroups/rg/{COMPUTE}/virtualMachineScaleSets/web", "PUT", document(capacity=1))
    assert created["properties"]["provisioningState"] == "Creating"
    published = publish(settings, "16.04.201809250")
    assert published.returncode == 0, published.stderr
    sku = (
        f"{COMPUTE}/locations/westeurope/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/16.04-LTS"
    )
    assert [version["name"] for version in call(f"{sku}/versions")] == [FIRST_VERSION, "16.04.201809250"]
    assert emulator.end() == 0
    assert not home.exists()


def publish(settings: dict[str, str], version: str) -> "subprocess.CompletedProcess[str]":
    words = ("publish_image", "Canonical", "UbuntuServer", "16.04-LTS", version)
    given = environment(Path(settings["ROLLGRID_HOME"]))
    return subprocess.run(
        [sys.executable, "-m", "dashboard", *words], cwd=CHECKOUT, env=given, capture_output=True, text=True, timeout=60
    )


def test_the_printed_lines_are_read_by_a_shell(tmp_path: Path) -> None:
    """Whatever the folder is called."""
    from dashboard.supervisor.azure_emulator import script

    folder = tmp_path / "a 'folder' $HOME"
    words = dict.fromkeys(("tenantId", "subscriptionId", "clientId", "clientSecret"), "-x")
    text = script("https://127.0.0.1:8443", folder, words)
    said = subprocess.run(["sh", "-euc", f'{text}\nprintf %s "$REQUESTS_CA_BUNDLE"'], capture_output=True, text=True)
    assert said.stdout == str(folder / "tls" / "ca.pem"), said.stderr
    assert all(
        line.startswith(("export ", "# ")) and shlex.split(line, comments=True) is not None
        for line in text.splitlines()
    )


def test_a_port_that_is_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    port = str(free_port())
    words = [sys.executable, "-m", "dashboard", "azure_emulator", "--http-port", port, "--https-port", port]
    said = subprocess.run(words, cwd=CHECKOUT, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert said.returncode == 2 and "must differ" in said.stderr
