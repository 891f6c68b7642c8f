"""`manage.py prepare`: tables, the first user, and what else must run."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from upgrades.management.commands.prepare import Command as Prepare
from upgrades.models import Location

pytestmark = pytest.mark.django_db


def prepared() -> list[str]:
    out = StringIO()
    call_command("prepare", stdout=out)
    return out.getvalue().splitlines()


def test_the_first_user_is_made_once(tmp_path: Path, settings: Any) -> None:
    settings.ROLLGRID_HOME = tmp_path
    said = prepared()
    path = tmp_path / "admin-password"
    password = path.read_text().strip()
    assert said[0] == f"sign in as admin with {password} (kept in {path})"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    user = authenticate(username="admin", password=password)
    assert user is not None
    assert user.is_superuser
    assert len(prepared()) == 1


def test_a_kept_password_is_used_again(tmp_path: Path, settings: Any) -> None:
    """A first start that was killed between the file and the user."""
    settings.ROLLGRID_HOME = tmp_path
    (tmp_path / "admin-password").write_text("kept from before\n")
    prepared()
    assert authenticate(username="admin", password="kept from before") is not None


@pytest.mark.parametrize("left", ["", "\n"])
def test_an_empty_file_of_the_password_is_written_again(tmp_path: Path, settings: Any, left: str) -> None:
    """As a power cut leaves it."""
    settings.ROLLGRID_HOME = tmp_path
    (tmp_path / "admin-password").write_text(left)
    prepared()
    password = (tmp_path / "admin-password").read_text().strip()
    assert len(password) >= 12
    assert authenticate(username="admin", password=password) is not None


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, settings: Any) -> None:
    settings.ROLLGRID_HOME = tmp_path
    MigrationRecorder(connection).record_applied("upgrades", "9999_from_the_future")
    with pytest.raises(CommandError) as raised:
        prepared()
    assert "it has upgrades.9999_from_the_future, and this version knows up to 0" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.django_db(transaction=True)
def test_prepare_refuses_in_the_words_of_up(tmp_path: Path, settings: Any) -> None:
    """Django closes the connection after a command: within a transaction that has written, the database could stay locked for others."""
    settings.ROLLGRID_HOME = tmp_path
    MigrationRecorder(connection).record_applied("upgrades", "9999_from_the_future")
    try:
        with pytest.raises(SystemExit) as ended:
            Prepare().run_from_argv(["manage.py", "prepare"])
    finally:
        MigrationRecorder(connection).record_unapplied("upgrades", "9999_from_the_future")
    assert str(ended.value).startswith("rollgrid: the database belongs to a newer version")


def test_migrations_of_apps_that_are_not_ours_do_not_matter(tmp_path: Path, settings: Any) -> None:
    settings.ROLLGRID_HOME = tmp_path
    MigrationRecorder(connection).record_applied("another_program", "0001_initial")
    prepared()


def test_a_changed_secret_key_is_refused_unless_it_is_meant(tmp_path: Path, settings: Any) -> None:
    settings.ROLLGRID_HOME = tmp_path
    prepared()
    settings.SECRET_KEY = "another one, of fifty characters and some more beside"
    with pytest.raises(CommandError, match="the secret key is not the one that this database was used with"):
        prepared()
    call_command("prepare", "--new-secret-key", stdout=StringIO())
    prepared()


def test_existing_users_mean_that_it_is_no_first_start(tmp_path: Path, settings: Any) -> None:
    settings.ROLLGRID_HOME = tmp_path
    get_user_model().objects.create_user("ada")
    prepared()
    assert not (tmp_path / "admin-password").exists()


@pytest.mark.parametrize(("provider", "needed"), [("simulated", True), ("libvirt", False)])
def test_prepare_says_whether_the_simulator_is_needed(
    tmp_path: Path, settings: Any, provider: str, needed: bool
) -> None:
    settings.ROLLGRID_HOME = tmp_path
    Location.objects.all().delete()
    Location.objects.create(name="westeurope", display_name="West Europe", provider=provider)
    assert json.loads(prepared()[-1]) == {"simulator": needed}
