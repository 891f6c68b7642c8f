"""Every client of Azure that can be had as a package, unmodified, each with a table of operations: `make test-clients`."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import proxy, tables
from tests.clients.cloud import Cloud, installed, run
from tests.clients.test_sdks import HERE, python_operations

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_clients, pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_sdk_for_python_of_2018_10_01_does_its_table(cloud: Cloud) -> None:
    assert python_operations(cloud, "sdk_2018", "sdk_2018", "sdk2018", API_VERSION="2018-10-01") == []


def test_the_sdk_for_python_of_the_documents_year_does_its_table(cloud: Cloud) -> None:
    assert python_operations(cloud, "sdk_track1", "sdk_track1", "track1", API_VERSION="2018-10-01") == []


# --- the Azure CLI ----------------------------------------------------------------------------------------------------


def az(cloud: Cloud, operation: str) -> tuple[Any, str | None]:
    """(answer, what it said where it failed)"""
    program = [str(installed("azure_cli") / "bin" / "az"), *shlex.split(operation), "--output", "json"]
    said = subprocess.run(program, env=cloud.surroundings(), capture_output=True, text=True, timeout=300)
    if said.returncode:
        return None, said.stderr or said.stdout or f"exit code {said.returncode}"
    return json.loads(said.stdout) if said.stdout.strip() else None, None


def test_the_azure_cli_does_its_table(cloud: Cloud) -> None:
    """What a line leads to is what the next ones begin with, so that all are run, and all that is wrong is told."""
    values = {**cloud.values("cli"), "TEMPLATE": str(HERE / "azure_cli" / "template.json")}
    rows = tables.read(HERE / "azure_cli" / "operations.txt", **values)
    assert len(rows) >= 71
    found = [tables.wrong(row, *az(cloud, row.operation)) for row in rows]
    assert [says for row in found for says in row] == []


# --- Ansible ----------------------------------------------------------------------------------------------------------


def test_ansibles_collection_plays_its_book(cloud: Cloud, tmp_path: Path) -> None:
    """The book itself says what must hold. The collection has Azure's address in its code, so that a proxy leads it here."""
    environment = installed("ansible")
    surroundings = cloud.surroundings(
        ANSIBLE_COLLECTIONS_PATH=str(environment / "collections"),
        ANSIBLE_HOME=str(tmp_path),
        ANSIBLE_PYTHON_INTERPRETER=str(environment / "bin" / "python"),
        NO_PROXY="127.0.0.1,localhost",
    )
    program = [str(environment / "bin" / "ansible-playbook"), "-i", "localhost,", str(HERE / "ansible" / "book.yml")]
    with proxy.to(int(cloud.server.rpartition(":")[2])) as address:
        said = run(program, {**surroundings, "HTTPS_PROXY": address})
    assert "failed=0" in said
