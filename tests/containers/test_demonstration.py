"""`make run-incus` in somebody's Incus: what it makes there it takes away, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.containers.incus import Incus
from upgrades.providers.incus.demo import project
from upgrades.providers.incus.settings import ALIAS

CHECKOUT = Path(__file__).resolve().parents[2]
MAKE = (
    "import os; from pathlib import Path; from upgrades.management.commands.demo_machines import IMAGE;"
    "from upgrades.providers.incus.demo import project; from upgrades.providers.incus.demo.api import Api;"
    f"project.make(Api(project.socket()), IMAGE, {ALIAS!r}); print(os.environ['ROLLGRID_HOME'])"
)


def demonstration(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command that it runs is a line of Python."""
    words = ["-m", "upgrades.providers.incus.demo", sys.executable, "-c", f"import django; django.setup(); {code}"]
    found = {**os.environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings", **environment}
    return subprocess.run([sys.executable, *words], cwd=CHECKOUT, env=found, capture_output=True, text=True)


def everything(incus: Incus) -> Mapping[str, object]:
    places = ("/1.0/projects", "/1.0/images", "/1.0/instances", "/1.0/storage-pools/default/volumes/custom")
    return {"profiles": incus.ask("GET", "/1.0/profiles?recursion=1")} | {
        each: sorted(incus.ask("GET", each)) for each in places
    }


def test_nothing_of_a_demonstration_is_left_in_an_incus(incus: Incus) -> None:
    before = everything(incus)
    done = demonstration(MAKE, INCUS_SOCKET=str(incus.socket))
    assert done.returncode == 0, done.stderr
    assert f"the Incus at {incus.socket}, project {project.PROJECT}" in done.stderr
    assert not Path(done.stdout.strip()).exists(), "its state folder"
    assert everything(incus) == before


def test_a_project_of_that_name_is_left_alone(incus: Incus) -> None:
    incus.ask("POST", "/1.0/projects", {"name": project.PROJECT, "config": {}})
    try:
        done = demonstration("print('started')", INCUS_SOCKET=str(incus.socket))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"incus project rename {project.PROJECT}" in done.stderr
        assert project.project(incus.api) is not None
    finally:
        incus.ask("DELETE", f"/1.0/projects/{project.PROJECT}")


def test_lacks_are_said_before_anything_starts(tmp_path: Path) -> None:
    nowhere = tmp_path / "unix.socket"
    done = demonstration("print('started')", INCUS_SOCKET=str(nowhere), PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no Incus answers at {nowhere}" in done.stderr
    assert "apt-get install" in done.stderr
