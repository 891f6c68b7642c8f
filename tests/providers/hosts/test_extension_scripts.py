"""Which scripts extensions run, in which order, as guest.sh gets them. The guest's side runs here in the shell of this host."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from upgrades.providers.base import Extension
from upgrades.providers.hosts.extension_scripts import GUEST_PROGRAM, ExtensionScripts, in_order, plan
from upgrades.providers.hosts.guest_status import GuestRun, parse


def test_an_extension_comes_after_all_that_it_names() -> None:
    app, agent, other = Extension("app", after=("agent", "nobody")), Extension("agent"), Extension("other")
    assert in_order([app, agent, other]) == [agent, app, other]


def test_extensions_that_wait_for_each_other_are_run_all_the_same() -> None:
    first, second = Extension("first", after=("second",)), Extension("second", after=("first",))
    assert set(in_order([first, second])) == {first, second}


def test_a_script_is_that_of_the_kind_or_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "Contoso.Agent.sh").write_bytes(b"kind")
    (tmp_path / "monitor.sh").write_bytes(b"name")
    scripts = ExtensionScripts(tmp_path)
    assert scripts.find(Extension("x", "Contoso", "Agent")) == (b"kind", "")
    assert scripts.find(Extension("monitor", "Contoso", "Other")) == (b"name", "")


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    scripts = ExtensionScripts(tmp_path, succeed_without=True)
    _, why = scripts.find(Extension("app", "Contoso", "App"))
    assert why == f"there is no script {tmp_path}/Contoso.App.sh nor {tmp_path}/app.sh on the host"
    assert scripts.find(Extension("app"))[1] == ""
    assert ExtensionScripts(tmp_path).find(Extension("app"))[1] == f"there is no script {tmp_path}/app.sh on the host"


@pytest.mark.parametrize("name", ["../secret", "a/b", ".hidden", ""])
def test_no_name_leads_to_another_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "secret.sh").write_bytes(b"")
    assert ExtensionScripts(tmp_path / "scripts").find(Extension(name))[1]


def test_the_plan_runs_as_it_stands(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "good.sh").write_text("#!/bin/sh\nread -r line && exit 9\nexit 0\n")
    (scripts / "bad.sh").write_text("#!/bin/sh\nexit 3\n")
    (scripts / "late.sh").write_text("#!/bin/sh\nexit 0\n")
    extensions = [
        Extension('odd "name" | %s \\n', version="1|2"),
        Extension("good", version="1.0"),
        Extension("bad", after=("good",)),
        Extension("late", after=("bad",)),
        Extension("last", "Contoso", "Last", after=("late",)),
    ]
    status = in_shell(tmp_path, plan(ExtensionScripts(scripts), in_order(extensions), ["gone"]))
    odd, good, bad, late, last, gone = status
    assert (odd.name, odd.version, odd.is_good) == ('odd "name" | %s \\n', "1|2", False)
    assert (good.name, good.version, good.exit) == ("good", "1.0", 0)
    assert (bad.exit, late.exit, last.exit) == (3, 125, 125)
    assert last.message.startswith("there is no script ")
    assert (gone.name, gone.is_removal) == ("gone", True)
    assert [run.at for run in status] == sorted(run.at for run in status)


def test_a_script_reads_its_settings_from_its_input(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "first.sh").write_text(f"#!/bin/sh\ncat > {tmp_path}/first\n")
    (scripts / "second.sh").write_text(f"#!/bin/sh\ncat > {tmp_path}/second\n")
    extensions = [Extension("first", settings='{"port": 80}'), Extension("second")]
    assert all(run.is_good for run in in_shell(tmp_path, plan(ExtensionScripts(scripts), extensions)))
    assert ((tmp_path / "first").read_text(), (tmp_path / "second").read_text()) == ('{"port": 80}', "")


@pytest.mark.skipif(not shutil.which("timeout"), reason="timeout is not installed: apt install coreutils")
def test_a_script_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "stuck.sh").write_text("#!/bin/sh\nexec sleep 1000\n")
    (scripts / "next.sh").write_text("#!/bin/sh\n")
    extensions = [Extension("stuck"), Extension("next")]
    stuck, following = in_shell(tmp_path, plan(ExtensionScripts(scripts, seconds=0.1), extensions))
    assert (stuck.is_good, following.is_good) == (False, True)


def in_shell(folder: Path, files: dict[str, bytes]) -> tuple[GuestRun, ...]:
    """What guest.sh makes of a plan, with its two folders in this one."""
    run = folder / "run"
    (run / "work").mkdir(parents=True)
    (run / "os-disk").write_text("os-1")
    for name, content in files.items():
        (run / "work" / name).write_bytes(content)
    program = GUEST_PROGRAM.read_text()
    program = program.replace("run=/run/rollgrid", f"run={run}").replace(
        "state=/var/lib/rollgrid", f"state={folder}/state"
    )
    done = subprocess.run(
        ["sh", "-s", "extensions", "work"], input=program, text=True, env=dict(os.environ), check=False
    )
    assert done.returncode == 0
    status = parse((run / "status.json").read_bytes())
    assert status, (run / "status.json").read_text()
    assert (status.work, status.phase) == ("work done", "running")
    assert json.loads(status.text)["osDisk"] == "os-1"
    return status.extensions
