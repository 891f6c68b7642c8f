"""The runs of `make test`: what they say is shown whole, and one that fails fails all."""

import sys
from pathlib import Path

import pytest

from tests import run_all
from tests.run_all import Part


def a_part(name: str, program: str) -> Part:
    return Part(name, (sys.executable, "-c", program))


def test_the_files_that_are_left_out_somewhere_are_there() -> None:
    root = Path(run_all.__file__).parents[1]
    lists = (run_all.ON_SQLITE_ONLY, run_all.ON_POSTGRES_ONLY, run_all.COVERED, run_all.KILLS, run_all.APART)
    listed = [path for paths in lists for path in paths]
    assert all((root / path).exists() for path in listed)
    assert len(set(listed)) == len(listed)


def test_files_left_out_on_postgres_are_in_the_run_of_all_there() -> None:
    usual, whole = words_on_postgres(run_all.all_parts()), words_on_postgres(run_all.all_on_postgres())
    assert usual - whole == {f"--ignore={path}" for path in (*run_all.COVERED, *run_all.KILLS)}


def words_on_postgres(parts: list[Part]) -> set[str]:
    for part in parts:
        part.end()
    return {word for part in parts if part.name == "postgres" for word in part.command}


def test_each_is_shown_and_a_failure_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", str(tmp_path))
    says_where = "import os; print('home', os.environ['ROLLGRID_HOME'])"
    parts = [
        a_part("good", says_where),
        a_part("bad", "import sys; sys.exit('it is broken')"),
        a_part("third", says_where),
    ]
    assert run_all.run(parts) == 1
    said = capfd.readouterr().out
    for words in (f"home {tmp_path}/good\n", f"home {tmp_path}/third\n", "it is broken\nbad: FAILED", "good: passed"):
        assert words in said


def test_all_that_runs_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", str(tmp_path))
    monkeypatch.setattr(run_all, "_ended", lambda running: sys.exit(3))
    endless = a_part("endless", "import threading; threading.Event().wait()")
    with pytest.raises(SystemExit):
        run_all.run([endless])
    assert endless.code() is not None


def test_a_part_waits_until_there_is_room_for_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", str(tmp_path))
    note = f"import os, time; open('{tmp_path}/' + os.environ['ROLLGRID_HOME'].rpartition('/')[2], 'w').write(str(time.monotonic()))"
    parts = [a_part("first", note), a_part("second", note), a_part("third", note)]
    for part in parts:
        part.processes = run_all.MAX_PROCESSES // 2
    assert run_all.run(parts) == 0
    assert parts[2].began > min(float((tmp_path / name).read_text()) for name in ("first", "second"))


def test_progress_is_reported(tmp_path: Path) -> None:
    part = Part("sqlite", ())
    assert part.progress() == "sqlite 0%"
    part.said.write(b"...... [  7%]\n...... [ 14%]\n..")
    part.said.flush()
    assert part.progress() == "sqlite 14%"
    part.end()
