"""What every command of the terminal says where nothing can be done."""

import subprocess
import sys
from pathlib import Path

from dashboard.environment import CHECKOUT
from tests.supervisor.starting import environment


def test_a_database_that_was_never_set_up_is_said_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "status"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "no such table: upgrades_scaleset" in done.stderr
    assert (
        f"`manage.py up` of this version brings it up to date. It is the one of ROLLGRID_HOME={tmp_path}" in done.stderr
    )
