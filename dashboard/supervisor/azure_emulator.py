"""`rollgrid azure-emulator`: `up` with an empty fleet on simulated machines, and the settings with which Azure's clients use it.

For people who test Terraform or code for Azure's SDKs without a subscription. It uses nothing of an installation that may be there.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dashboard import environment
from dashboard.supervisor import up
from dashboard.supervisor.programs import Options, Programs, standard
from upgrades import atomic_files
from upgrades.installation import PROGRAM

CLOUD = "Rollgrid"  # the name that /metadata/endpoints gives this cloud
# The Azure CLI keeps its clouds and logins in a folder, which is here one of its own.
LOG_IN = (
    "az cloud register --name {cloud} --endpoint-resource-manager {address}",
    "az cloud set --name {cloud}",
    "az login --service-principal --username $AZURE_CLIENT_ID --password $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID",
)


def main(arguments: Sequence[str]) -> int:
    """Runs until it is told to stop. Answers the exit code, as `up` does."""
    given = read(arguments)
    with ExitStack() as stack:
        home = given.state or Path(stack.enter_context(TemporaryDirectory(prefix="rollgrid-azure-")))
        environment.stand_apart(home)

        def tell(address: str, prepared: Mapping[str, Any]) -> None:
            text = script(address, home.resolve(), prepared["azure_emulator"])
            if given.env_file:
                atomic_files.replace(given.env_file, text.encode())
            sys.stdout.write(text)

        ports = ("--http-port", str(given.http_port), "--https-port", str(given.https_port))
        return up.main(("--host", given.host, *ports), choose, tell)


def read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} azure-emulator",
        description="Starts the API in Azure's shape, with an empty fleet on simulated machines, and prints settings for Azure's clients.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--http-port", type=up.port, default=8000, help="for the pages (%(default)s)")
    parser.add_argument("--https-port", type=up.port, default=8443, help="for the API (%(default)s)")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="write the settings into this file too")
    parser.add_argument(
        "--state", type=Path, metavar="FOLDER", help="keep everything in this folder; otherwise all is gone at the end"
    )
    return parser.parse_args(arguments)


def choose(options: Options, lock: int, gate: int) -> Programs:
    return standard(replace(options, azure_emulator=True), lock, gate)


def script(address: str, home: Path, credentials: Mapping[str, str]) -> str:
    """The settings, to be read by a shell; what is to be typed stands in comments."""
    lines = [f"# {PROGRAM} azure-emulator: settings for Azure's clients; docs/arm-api.md says what to do with them"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings(address, home, credentials).items()]
    lines += [f"# {line.format(cloud=CLOUD, address=address)}" for line in LOG_IN]
    return "".join(f"{line}\n" for line in lines)


def settings(address: str, home: Path, credentials: Mapping[str, str]) -> dict[str, str]:
    """Environment variables. The names are those that the clients themselves read."""
    tenant, subscription = credentials["tenantId"], credentials["subscriptionId"]
    client, secret = credentials["clientId"], credentials["clientSecret"]
    authority = str(home / "tls" / "ca.pem")
    return {
        # our own commands, such as publish_image
        "ROLLGRID_HOME": str(home),
        # whom to trust: Python and the Azure CLI, JavaScript, Go
        **dict.fromkeys(("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), authority),
        # SDKs, the Azure CLI, Ansible
        "AZURE_AUTHORITY_HOST": address,
        "AZURE_TENANT_ID": tenant,
        "AZURE_SUBSCRIPTION_ID": subscription,
        "AZURE_CLIENT_ID": client,
        "AZURE_CLIENT_SECRET": secret,
        "AZURE_CONFIG_DIR": str(home / "azure-cli"),
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_ADFS_AUTHORITY_URL": address,
        "AZURE_DISABLE_INSTANCE_DISCOVERY": "true",
        "AZURE_TENANT": tenant,
        "AZURE_SECRET": secret,
        # Terraform
        "ARM_METADATA_HOSTNAME": address.removeprefix("https://"),
        "ARM_ENVIRONMENT": CLOUD,
        "ARM_TENANT_ID": tenant,
        "ARM_SUBSCRIPTION_ID": subscription,
        "ARM_CLIENT_ID": client,
        "ARM_CLIENT_SECRET": secret,
        "ARM_RESOURCE_PROVIDER_REGISTRATIONS": "none",
    }
