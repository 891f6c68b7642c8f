"""`manage.py up` as an operator sees it: real processes, a real broker, a real database."""

import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from dashboard.supervisor import authority
from tests.supervisor.starting import PATIENCE, SERVER, Up
from tests.waiting import wait_until

pytestmark = pytest.mark.end_to_end
EVERYTHING = {"broker", "simulator", SERVER, "prober", "worker", "beat"}
HEALED_SECONDS = 12  # 5 on an idle machine; these tests share theirs with others


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "home", without="nothing")
    yield started
    started.clean_up()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_up_starts_serves_heals_and_stops(up: Up) -> None:
    """One long story, because each start costs seconds."""
    assert up.ready() == f"ready http://127.0.0.1:{up.http_port}/ https://127.0.0.1:{up.https_port}/"
    assert up.is_ready()
    assert set(up.children()) == EVERYTHING
    the_state_folder_is_ours_alone(up)
    both_ports_serve(up)
    a_second_up_is_refused(up)
    for name in EVERYTHING:
        up.kill(name)
        wait_until(up.is_ready, seconds=HEALED_SECONDS, what=f"ready after kill -9 of {name}")
    assert f"{SERVER} was ended by SIGKILL: starting it again at once" in up.said()
    began_with = "sign in as admin with "
    password = (up.home / "admin-password").read_text().strip()
    assert up.said().count(began_with + password) == 1

    assert up.end(signal.SIGTERM) == 0
    assert up.ask("/healthz") == (0, "")


def the_state_folder_is_ours_alone(up: Up) -> None:
    assert mode(up.home) == 0o700
    for secret in (
        "broker-password",
        "secret-key",
        "admin-password",
        "rollgrid.sqlite3",
        "tls/ca.key",
        "tls/server.key",
    ):
        assert mode(up.home / secret) == 0o600, secret
    password = (up.home / "broker-password").read_text().strip()
    for process in up.children().values():
        assert password not in " ".join(process.cmdline())
    assert password not in up.said()
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(up.home / "broker.sock"))
        client.sendall(b"PING\r\n")
        assert client.recv(100).startswith(b"-NOAUTH")


def both_ports_serve(up: Up) -> None:
    assert up.ask("/healthz") == (200, "alive\n")
    assert up.ask("/login/")[0] == 200
    assert up.ask("/static/admin/css/base.css")[0] == 200
    (style,) = re.findall(r'"(/static/css/login\.[0-9a-f]{12}\.css)"', up.ask("/login/")[1])
    assert up.ask(style)[0] == 200
    with closing(up.secured()) as client:
        client.sendall(b"GET /login/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head = client.recv(65536).lower()
    assert head.startswith(b"http/1.0 200") or head.startswith(b"http/1.1 200")
    assert b"\r\nserver:" not in head


def a_second_up_is_refused(up: Up) -> None:
    second = Up(up.home, http_port=up.http_port, https_port=up.https_port)
    try:
        assert second.process.wait(PATIENCE) == 1
    finally:
        second.clean_up()
    assert f"`up` already runs on {up.home} (pid {up.process.pid})" in up.said()
    assert up.is_ready()


def test_up_killed_with_9_leaves_nothing_behind_and_starts_again(up: Up) -> None:
    up.ready()
    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    assert (up.home / "broker.sock").exists(), "a stale socket is part of this test"

    again = Up(up.home, http_port=up.http_port, https_port=up.https_port)
    try:
        again.ready()
        assert "sign in as admin" not in again.said().partition("ready")[2]
        assert again.end(signal.SIGINT) == 0
    finally:
        again.clean_up()


def test_up_can_be_stopped_while_it_starts(up: Up) -> None:
    wait_until(lambda: "prepare" in up.children(), seconds=PATIENCE)
    assert up.end(signal.SIGINT) == 0
    assert "Traceback" not in up.said()


def test_a_second_interrupt_kills_processes_that_do_not_stop(up: Up) -> None:
    up.ready()
    stubborn = up.children()[SERVER]
    stubborn.suspend()
    up.process.send_signal(signal.SIGINT)
    wait_until(lambda: "once more to kill at once" in up.said())
    assert up.end(signal.SIGINT) == 0
    assert "did not stop" not in up.said(), "it was killed before its patience was over"


def test_up_goes_on_though_its_output_is_not_read(tmp_path: Path) -> None:
    """A reader that has stopped must not stop the supervision."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    home = tmp_path / "home"
    Path(f"{home}.log").symlink_to(f"/proc/self/fd/{writer}")
    up = Up(home)
    try:
        os.close(writer)
        up.ready()
        up.kill("beat")
        assert up.end(signal.SIGTERM) == 0
    finally:
        up.clean_up()
        os.close(reader)


def test_https_only_has_no_plain_port(tmp_path: Path) -> None:
    up = Up(tmp_path / "home", more={"ROLLGRID_HTTPS_ONLY": "1"}, without="prober,simulator,beat")
    try:
        assert up.ready() == f"ready https://127.0.0.1:{up.https_port}/"
        assert up.ask("/healthz") == (0, "")
        with closing(up.secured()) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert b"200" in client.recv(65536).split(b"\r\n")[0]
        an_old_certificate_is_renewed(up)
    finally:
        up.clean_up()


def shown_certificate(up: Up) -> bytes | None:
    try:
        with closing(up.secured()) as client:
            return client.getpeercert(binary_form=True)
    except OSError:
        return None


def an_old_certificate_is_renewed(up: Up) -> None:
    first = shown_certificate(up)
    authority.ensure(up.home / "tls", ["localhost"], datetime.now(UTC) - timedelta(days=380))  # noqa: TID251  OpenSSL's clock
    wait_until(lambda: shown_certificate(up) not in {first, None}, seconds=HEALED_SECONDS, what="a new certificate")
    assert f"{SERVER} starts again with it" in up.said()
    now = x509.load_der_x509_certificate(shown_certificate(up) or b"")
    assert now.not_valid_after_utc - now.not_valid_before_utc == timedelta(days=authority.SERVER_DAYS)
