"""What every command of the terminal says where nothing can be done."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError

from dashboard.environment import CHECKOUT
from tests.management.terminal import run
from tests.stories import NOW, a_scale_set
from tests.supervisor.starting import environment
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.models import FleetStop


def test_a_database_that_was_never_set_up_is_said_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "status"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "no such table: upgrades_scaleset" in done.stderr
    assert (
        f"`manage.py up` of this version brings it up to date. It is the one of ROLLGRID_HOME={tmp_path}" in done.stderr
    )


@pytest.mark.django_db
def test_control_characters_in_texts_of_people_are_escaped() -> None:
    """What is in the database already is shown escaped."""
    row = a_scale_set(instances=1)
    stop_fleet(reason="a reason", owner="me", now=NOW)
    FleetStop.objects.update(
        reason="hold\x1b[2J\nready: all is well", owner="\x9b31mme", until=datetime(2100, 1, 1, tzinfo=UTC)
    )
    for words in (["status"], ["status", str(row)], ["end_fleet_stop"]):
        said = run(*words).out
        assert "hold\\x1b[2J\\nready: all is well" in said
        assert all(line.isprintable() for line in said.splitlines())
        assert not any(line.startswith("ready") for line in said.splitlines())


@pytest.mark.django_db
def test_refusals_are_escaped_too() -> None:
    with pytest.raises(CommandError) as caught:
        run("pause", "fleet/\x1b[2Jweb")
    assert str(caught.value).isprintable()
