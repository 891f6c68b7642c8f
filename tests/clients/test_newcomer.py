"""The lines of docs/arm-api.md that lead from nothing to a scale set that rolls, as somebody pastes them."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from dashboard.environment import CHECKOUT
from tests.clients.cloud import Cloud, installed, run

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_clients, pytest.mark.slow, pytest.mark.timeout(400)]
STARTS = "rm -f azure.env; make azure-emulator >emulator.log 2>&1 &"
MAKES = "python manage.py azure-emulator --env-file azure.env"


def lines() -> list[str]:
    """Those that are to be pasted."""
    text = (CHECKOUT / "docs" / "arm-api.md").read_text()
    section = text.partition("\n## From nothing to a scale set that rolls\n")[2].partition("\n## ")[0]
    return [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]


def test_the_lines_of_the_docs_lead_to_a_scale_set_that_rolls(cloud: Cloud, tmp_path: Path) -> None:
    """All but the first, which starts what runs here already."""
    first, *others = lines()
    assert first == STARTS and MAKES in (CHECKOUT / "Makefile").read_text()
    settings = {**cloud.settings, "AZURE_CONFIG_DIR": str(tmp_path / "azure-cli")}
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (tmp_path / "azure.env").write_text("".join(exports))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "manage.py").symlink_to(CHECKOUT / "manage.py")
    path = f"{installed('azure_cli') / 'bin'}{os.pathsep}{os.environ['PATH']}"
    said = run(["bash", "-e"], cloud.surroundings(PATH=path), "\n".join(others), tmp_path)
    assert said.splitlines()[-5:] == [f"web_{number}\t1.0.0" for number in range(5)]
    assert '"successfulInstanceCount": 5' in said
