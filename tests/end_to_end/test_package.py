"""The package: built, installed where nothing else is, started from somewhere else, as `rollgrid`."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from dashboard.environment import CHECKOUT
from tests.supervisor.starting import Up, environment

pytestmark = pytest.mark.end_to_end
BUILT_OF = (
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
    "dashboard",
    "upgrades",
    "templates",
    "static",
    "clients",
)
NOT_OF_A_PACKAGE = {"static/.gitkeep", "templates/.gitkeep"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("source")
    for name in BUILT_OF:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, folder / name)
    code = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    run = [sys.executable, "-c", code, str(folder / "dist")]
    (folder / "dist").mkdir()
    subprocess.run(run, cwd=folder, check=True, capture_output=True, timeout=120)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@dataclass
class Installed(Up):
    """`rollgrid up` of an installed package, with nothing said of where its state is."""

    program: Path = Path()

    def start(self) -> None:
        self.command = [str(self.program), "up", *self.command[4:]]
        super().start()

    def environment(self) -> dict[str, str]:
        given = {**environment(self.home), "XDG_STATE_HOME": str(self.home.parent)}
        del given["ROLLGRID_HOME"]
        return given


@pytest.fixture
def program(wheel: Path, tmp_path: Path) -> Path:
    """`rollgrid` in an environment of its own. What we depend on is lent by that of the tests; pip installs the package alone."""
    place = tmp_path / "environment"
    venv.create(place, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--prefix",
        str(place),
        "--ignore-installed",
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = place / "bin" / "rollgrid"
    # pip writes the interpreter that it runs in.
    found.write_text(found.read_text().replace(sys.executable, str(place / "bin" / "python"), 1))
    return found


def test_the_package_has_all_that_the_product_needs(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "dashboard", "upgrades", "templates", "static"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    wanted = {re.sub("^(templates|static)/", r"dashboard/\1/", name) for name in {*listed} - NOT_OF_A_PACKAGE}
    has = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert wanted - has == set() and not [name for name in has if name.split("/")[0] not in {"dashboard", "upgrades"}]


def test_the_package_starts_from_anywhere_and_leaves_nothing_behind(program: Path, tmp_path: Path) -> None:
    before = {path for path in (tmp_path / "environment").rglob("*") if "__pycache__" not in path.parts}
    up = Installed(tmp_path / "state" / "rollgrid", program=program)
    try:
        up.ready()
        (style,) = re.findall(r'"(/static/css/login\.[0-9a-f]{12}\.css)"', up.ask("/login/")[1])
        assert up.ask(style)[0] == 200
        status = subprocess.run(
            [program, "status"], cwd=tmp_path, env=environment(up.home), capture_output=True, text=True, timeout=60
        )
        assert "`rollgrid put_scale_set RG/NAME FILE.json` makes one" in status.stdout, status.stderr
        assert up.end() == 0
    finally:
        up.clean_up()
    after = {path for path in (tmp_path / "environment").rglob("*") if "__pycache__" not in path.parts}
    assert after == before
    assert (up.home / "rollgrid.sqlite3").is_file() and not (up.home / "broker.sock").exists()
