"""`up` where the surroundings are odd: the state folder's name, other programs' variables, what a power cut left, what was lost."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.supervisor.starting import PATIENCE, Up, free_port

pytestmark = pytest.mark.end_to_end
Starter = Callable[..., Up]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts `up` in a state folder of this name; all of them are stopped at the end."""
    started: list[Up] = []

    def starter(name: str = "home", **more: str) -> Up:
        started.append(Up(tmp_path / name, without="prober,simulator,beat", more=more))
        return started[-1]

    yield starter
    for up in started:
        up.clean_up()


def works(up: Up) -> None:
    """It gets ready, and its worker has done a task: the broker is its own."""
    up.ready()
    assert up.is_ready(), up.said()
    assert "Traceback" not in up.said()


def refuses(up: Up) -> str:
    assert up.process.wait(PATIENCE) == 1
    return up.said()


@pytest.mark.parametrize("name", ["a#b", "a?b=c", "p%20q %", "ö & 'quotes' \"of\" \\all\\ kinds"])
def test_everything_lies_in_the_state_folder_whatever_its_name(start: Starter, tmp_path: Path, name: str) -> None:
    up = start(name)
    works(up)
    assert (tmp_path / name / "rollgrid.sqlite3").stat().st_size > 0
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.log"}


def test_variables_of_other_programs_change_nothing(start: Starter) -> None:
    foreign = f"redis://127.0.0.1:{free_port()}/0"
    broker = {"CELERY_BROKER_URL": foreign, "CELERY_BROKER_READ_URL": foreign, "BROKER_URL": foreign}
    celery = {
        "CELERY_RESULT_BACKEND": foreign,
        "CELERY_CONFIG_MODULE": "theirs",
        "CELERY_LOADER": "theirs",
        "APP": "theirs",
    }
    python = {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error", "PYTHONINSPECT": "1"}
    works(start(DJANGO_SETTINGS_MODULE="theirs.settings", **broker, **celery, **python))


def test_files_left_empty_before_the_first_start_are_made(start: Starter, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for name in ("broker-password", "secret-key", "admin-password"):
        (home / name).touch()
    up = start()
    works(up)
    assert all((home / name).read_text().strip() for name in ("broker-password", "secret-key", "admin-password"))
    assert up.ask("/login/")[0] == 200


def test_an_empty_password_of_the_broker_is_made_again(start: Starter, tmp_path: Path) -> None:
    works(first := start())
    assert first.end() == 0
    (tmp_path / "home" / "broker-password").write_text("")
    works(start())


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("")], ids=["lost", "empty"])
def test_a_lost_key_of_a_used_database_is_said_with_the_way_out(
    start: Starter, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    works(first := start())
    assert first.end() == 0
    kept = (tmp_path / "home" / "secret-key").read_text()
    damage(tmp_path / "home" / "secret-key")
    assert "the secret key is not the one that this database was used with" in refuses(start())
    (tmp_path / "home" / "secret-key").write_text(kept)
    works(start())


def test_secrets_that_are_lost_while_it_runs_stop_nothing(start: Starter, tmp_path: Path) -> None:
    up = start()
    works(up)
    for name in ("broker-password", "secret-key"):
        os.unlink(tmp_path / "home" / name)
    up.kill("worker")
    up.kill(up.server)
    up.wait_until_ready()
    assert up.ask("/login/")[0] == 200
