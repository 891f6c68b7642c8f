"""`manage.py audit`."""

import json
import os
from datetime import timedelta

import pytest

from tests.management.terminal import run
from tests.stories import NOW, a_scale_set, publish
from upgrades.commands import audit
from upgrades.commands.opt_outs import opt_out
from upgrades.core.auditing import ObjectKind

pytestmark = pytest.mark.django_db


def lines(*words: str) -> list[str]:
    return run("audit", *words).out.splitlines()


def test_entries_name_the_person_the_action_and_the_object() -> None:
    a_scale_set()
    publish("16.04.1", now=NOW + timedelta(hours=1))
    opt_out("fleet/web", ["1"], reason="debugging", owner="ada", now=NOW + timedelta(hours=2))
    newest, published, created = lines()
    assert newest.startswith("2018-09-25 14:00:00Z  ")
    assert newest.endswith(" on fleet/web: Opted out instances 1: debugging")
    assert "Canonical:UbuntuServer:16.04-LTS:16.04.1" in published
    assert created.endswith("Created the scale set.")
    assert lines("--on", "FLEET/web", "--action", "ScaleSetCreated") == [created]
    assert lines("--on", "fleet") == [newest, created]
    assert lines("--since", "2018-09-25T13:30") == [newest]
    assert lines("--until", "2018-09-25T13:30", "--most", "1") == [published]
    assert lines("--search", "debugg") == [newest]
    assert lines("--outcome", "refused") == []


def test_times_beyond_the_calendars_ends_find_all_or_nothing() -> None:
    """In UTC they are none: it was a traceback."""
    a_scale_set()
    assert len(lines("--until", "9999-12-31T23:59-12:00")) == 1
    assert lines("--since", "9999-12-31T23:59-12:00") == []
    assert len(lines("--since", "0001-01-01T00:00+12:00")) == 1


def test_commands_of_the_terminal_are_audited_under_the_users_name() -> None:
    a_scale_set()
    run("opt_out", "fleet/web", "1", "--reason", "debugging")
    (said,) = [json.loads(line) for line in lines("--json", "--action", "InstancesOptedOut")]
    assert said["entryPoint"] == "terminal"
    assert said["from"] == f"{said['who']['name']}@{os.uname().nodename}"
    assert said["who"]["kind"] == "command line"
    assert said["on"] == {"kind": "scale set", "path": "fleet/web", "id": ""}
    assert said["requestId"] and said["error"] is None


def test_control_characters_are_not_printed() -> None:
    audit.write_entry("Tried", ObjectKind.FLEET, "a\x1b[2J/b", "a\x1b[2Jb\nc", now=NOW)
    assert "\x1b" not in run("audit").out
    assert "a?[2Jb?c" in lines()[0]


def test_creating_an_administrator_is_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's own command left no entry."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "topsecret-of-ada-1")
    run("createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.com")
    (said,) = [json.loads(line) for line in lines("--json")]
    assert said["code"] == "UserAdded"
    assert said["says"] == "Added the user ada."
    assert said["who"]["kind"] == "command line"
    assert "topsecret" not in json.dumps(said)
