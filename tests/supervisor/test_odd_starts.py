"""`up` where the surroundings are odd: the state folder's name, other programs' variables, what a power cut left, what was lost."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import databases
from tests.supervisor.starting import PATIENCE, Up, free_port

pytestmark = pytest.mark.end_to_end
Starter = Callable[..., Up]
# What means something in an address, in a format, to a shell and in a configuration file.
ODD_NAME = "a#b?c=d%20% ö & 'the' \"odd\" \\one\\"
MADE = ("broker-password", "secret-key", "admin-password")


@contextmanager
def starting(folder: Path) -> Iterator[Starter]:
    """Starts `up` in a state folder of this name, on a database that has been migrated; all of them are stopped at the end."""
    with ExitStack() as stack:

        def starter(name: str = "home", **more: str) -> Up:
            if not (folder / name / "rollgrid.sqlite3").exists():
                stack.enter_context(databases.one_for(folder / name))
            started = Up(folder / name, without="prober,simulator,beat", more=more)
            stack.callback(started.clean_up)
            return started

        yield starter


@pytest.fixture
def start(tmp_path: Path, django_db_setup: None) -> Iterator[Starter]:
    with starting(tmp_path) as starter:
        yield starter


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Up]:
    """One that works, though everything around it is odd."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / ODD_NAME).mkdir(mode=0o700)
    for name in MADE:
        (folder / ODD_NAME / name).touch()
    with starting(folder) as starter:
        works(up := starter(ODD_NAME, **variables_of_other_programs()))
        yield up


def variables_of_other_programs() -> dict[str, str]:
    foreign = f"redis://127.0.0.1:{free_port()}/0"
    broker = {"CELERY_BROKER_URL": foreign, "CELERY_BROKER_READ_URL": foreign, "BROKER_URL": foreign}
    celery = {
        "CELERY_RESULT_BACKEND": foreign,
        "CELERY_CONFIG_MODULE": "theirs",
        "CELERY_LOADER": "theirs",
        "APP": "theirs",
    }
    python = {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error", "PYTHONINSPECT": "1"}
    return {"DJANGO_SETTINGS_MODULE": "theirs.settings", **broker, **celery, **python}


def works(up: Up) -> None:
    """It gets ready, and its worker has done a task: the broker is its own."""
    up.ready()
    assert up.is_ready(), up.said()
    assert "Traceback" not in up.said()


def refuses(up: Up) -> str:
    assert up.process.wait(PATIENCE) == 1
    return up.said()


def test_everything_lies_in_the_state_folder_whatever_its_name(odd: Up) -> None:
    assert odd.home.name == ODD_NAME and (odd.home / "rollgrid.sqlite3").stat().st_size > 0
    assert {path.name for path in odd.home.parent.iterdir()} == {ODD_NAME, f"{ODD_NAME}.log"}


def test_variables_of_other_programs_change_nothing(odd: Up) -> None:
    assert set(variables_of_other_programs()) <= set(odd.more) and odd.is_ready()
    assert set(odd.children()) >= {"broker", "worker", odd.server}


def test_files_left_empty_before_the_first_start_are_made(odd: Up) -> None:
    assert all((odd.home / name).read_text().strip() for name in MADE)
    assert odd.ask("/login/")[0] == 200


def test_a_lost_key_of_a_used_database_is_said_with_the_way_out(start: Starter, tmp_path: Path) -> None:
    """The way out is the key, with which it starts again. An empty password of the broker is made again."""
    works(first := start())
    assert first.end() == 0
    key = tmp_path / "home" / "secret-key"
    kept = key.read_text()
    damages: list[Callable[[Path], object]] = [Path.unlink, lambda path: path.write_text("")]
    for times, damage in enumerate(damages, start=1):
        damage(key)
        said = refuses(start())
        assert said.count("the secret key is not the one that this database was used with") == times

    key.write_text(kept)
    (tmp_path / "home" / "broker-password").write_text("")
    works(start())
    assert (tmp_path / "home" / "broker-password").read_text()


def test_secrets_that_are_lost_while_it_runs_stop_nothing(start: Starter, tmp_path: Path) -> None:
    up = start()
    works(up)
    for name in ("broker-password", "secret-key"):
        os.unlink(tmp_path / "home" / name)
    up.kill("worker")
    up.kill(up.server)
    up.wait_until_ready()
    assert up.ask("/login/")[0] == 200
