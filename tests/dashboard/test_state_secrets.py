"""Secrets in the state folder, and what is left of them after a power cut."""

import stat
from pathlib import Path

import pytest

from dashboard import state_secrets
from dashboard.supervisor import installation
from dashboard.supervisor.problems import CannotStart
from upgrades import atomic_files


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", str(tmp_path))
    for name in ("ROLLGRID_SECRET_KEY", "REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_start_makes_them_and_the_next_ones_keep_them(tmp_path: Path) -> None:
    made = installation.secrets(tmp_path, new_secret_key=False)
    assert state_secrets.is_strong(made["ROLLGRID_SECRET_KEY"])
    assert installation.secrets(tmp_path, new_secret_key=False) == made
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broker-password", "secret-key"]


@pytest.mark.parametrize("content", ["", "\n", "\0\0\0\0\0\0\0\0"])
@pytest.mark.parametrize("name", ["broker-password", "secret-key"])
def test_files_left_empty_by_a_power_cut_are_made_again(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    installation.secrets(tmp_path, new_secret_key=False)
    assert state_secrets.is_strong(state_secrets.read(tmp_path, name))


def test_a_damaged_key_is_said_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("half of it")
    with pytest.raises(CannotStart, match="secret-key is damaged: it has 10 characters, and a key has at least 50"):
        installation.secrets(tmp_path, new_secret_key=False)
    assert (tmp_path / "secret-key").read_text() == "half of it"
    assert state_secrets.is_strong(installation.secrets(tmp_path, new_secret_key=True)["ROLLGRID_SECRET_KEY"])


def test_a_secret_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "broker-password").mkdir()
    with pytest.raises(CannotStart, match="broker-password cannot be used: Is a directory"):
        installation.secrets(tmp_path, new_secret_key=False)


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_files.replace(path, b"first")
    atomic_files.replace(path, b"second", 0o644)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"second", 0o644)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        atomic_files.replace(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("damaged", ["a\nb", "two words " * 10, 'with"quotes' * 10, "short", "x" * 70_000])
def test_a_damaged_password_of_the_broker_is_made_again(tmp_path: Path, damaged: str) -> None:
    """The broker could not read its settings and ended again and again; one that fills a pipe halted `up` for ever."""
    (tmp_path / "broker-password").write_text(damaged)
    installation.secrets(tmp_path, new_secret_key=False)
    made = state_secrets.read(tmp_path, state_secrets.BROKER_PASSWORD)
    assert state_secrets.is_strong(made) and len(made) < 100
    installation.secrets(tmp_path, new_secret_key=False)
    assert state_secrets.read(tmp_path, state_secrets.BROKER_PASSWORD) == made
