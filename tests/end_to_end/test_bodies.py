"""Requests that are too large or too slow: refused before they cost anything, in the shape that their sender reads."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psutil
import pytest
import websockets
from websockets.sync.client import connect

from dashboard import limits
from tests.end_to_end.installation import Installation
from tests.end_to_end.wire import chunked, head, line, plain

FLOOD = 300_000_000
MAX_MEMORY = 10_000_000  # that a flood may cost
TOKEN = "/organizations/oauth2/v2.0/token"
GROUP = "/subscriptions/0/resourceGroups/large?api-version=2021-04-01"
FORM = "Content-Type: application/x-www-form-urlencoded"

pytestmark = pytest.mark.end_to_end


@dataclass
class Cost:
    memory: int = 0
    files: int = 0


@contextmanager
def cost_of(up: Installation) -> Iterator[Cost]:
    """What the web server takes more of, at its most, while something happens: bytes of memory, and files that were deleted when made."""
    server = up.children()[up.server]
    cost, before, stop = Cost(), server.memory_info().rss, threading.Event()

    def look() -> None:
        cost.memory = max(cost.memory, server.memory_info().rss - before)
        cost.files = max(cost.files, _unnamed_files(server))

    def watch() -> None:
        while not stop.wait(0.005):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield cost
        look()
    finally:
        stop.set()
        thread.join()


def _unnamed_files(server: psutil.Process) -> int:
    """Temporary files have no name any more; the kernel's own (sockets, pipes) never had one in the file system."""
    found = 0
    for handle in Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            found += os.readlink(handle).startswith("/") and os.readlink(handle).endswith(" (deleted)")
        except OSError:
            continue
    return found


def write_figure(what: str, cost: Cost, seconds: float) -> None:
    if file := os.environ.get("ROLLGRID_FIGURES"):
        with open(file, "a") as out:
            out.write(json.dumps({"what": what, "bytes": cost.memory, "files": cost.files, "seconds": seconds}) + "\n")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("way", ["length", "chunks"])
@pytest.mark.parametrize("path", [TOKEN, "/login/", GROUP])
def test_a_flood_is_refused_and_costs_neither_memory_nor_disk(up: Installation, path: str, way: str, tls: bool) -> None:
    announced = f"Content-Length: {FLOOD}" if way == "length" else "Transfer-Encoding: chunked"
    method = "PUT" if path == GROUP else "POST"
    began = monotonic()
    with cost_of(up) as cost, line(up, tls=tls) as flood:
        body = plain(FLOOD) if way == "length" else chunked(FLOOD)
        said = flood.send(head(method, path, FORM, announced), *body).answer()
    write_figure(f"{path} {way} {'https' if tls else 'http'}", cost, monotonic() - began)
    assert (said.status, cost.files) == (413, 0)
    assert cost.memory < MAX_MEMORY
    assert up.ask("/healthz")[0] == 200


def test_the_pages_answer_during_many_floods_at_once(up: Installation) -> None:
    """The pages answer in the midst of it."""
    slowest = 0.0

    def pour() -> None:
        with line(up) as flood:
            flood.send(head("POST", TOKEN, FORM, f"Content-Length: {FLOOD}"), *plain(FLOOD))

    with cost_of(up) as cost:
        floods = [threading.Thread(target=pour) for _ in range(8)]
        for flood in floods:
            flood.start()
        while any(flood.is_alive() for flood in floods):
            began = monotonic()
            assert up.ask("/healthz")[0] == 200
            slowest = max(slowest, monotonic() - began)
        for flood in floods:
            flood.join()
    write_figure("eight at once; the slowest answer of /healthz", cost, slowest)
    assert cost.memory < 2 * MAX_MEMORY
    assert cost.files == 0
    assert slowest < 2


def test_each_face_refuses_in_its_own_shape(up: Installation) -> None:
    def refused(method: str, path: str, size: int) -> tuple[int, str, bytes]:
        with line(up) as connection:
            said = connection.send(head(method, path, f"Content-Length: {size}")).answer()
            assert (said.headers["Connection"], said.headers["Content-Length"]) == ("close", str(len(said.body)))
            return said.status, said.headers["Content-Type"].partition(";")[0], said.body

    def as_json(status: int, kind: str, body: bytes) -> tuple[int, str, object]:
        return status, kind, json.loads(body)

    message = "The request content is too large: at most {} are taken here."
    large = {"error": {"code": "RequestTooLarge", "message": message.format("4 MB")}}
    assert as_json(*refused("PUT", GROUP, 4_000_001)) == (413, "application/json", large)
    assert as_json(*refused("PATCH", "//SUBSCRIPTIONS//0", 4_000_001)) == (413, "application/json", large)
    form = {"error": {"code": "RequestTooLarge", "message": message.format("256 KB")}}
    assert as_json(*refused("POST", "/scale-sets/a/b/opt-out/", 256_001)) == (413, "application/json", form)
    status, kind, body = refused("POST", TOKEN, 16_001)
    assert (status, kind, json.loads(body)["error"]) == (413, "application/json", "invalid_request")
    for path in ("/login/", "/admin/login/", "/admin/auth/user/add/", "/nowhere"):
        status, kind, body = refused("POST", path, 256_001)
        assert (status, kind) == (413, "text/html")
        assert b"too large" in body


def test_bodies_within_the_limit_are_answered(up: Installation) -> None:
    with line(up) as connection:
        request = head("POST", TOKEN, FORM, "Content-Length: 16000", "Connection: close")
        assert connection.send(request, b"a=" + b"x" * 15_998).answer().json["error"] == "unsupported_grant_type"
    with line(up) as connection:
        request = head("PUT", GROUP, "Content-Length: 4000000", "Connection: close")
        assert connection.send(request, b" " * 4_000_000).answer().status == 401


def test_expect_100_is_answered_before_the_body(up: Installation) -> None:
    """curl and others send `Expect: 100-continue` with what is large."""
    with line(up) as connection:
        asked = head("PUT", GROUP, "Expect: 100-continue", "Content-Length: 5000000")
        assert connection.send(asked).answer().status == 413
    with line(up) as connection:
        connection.send(head("PUT", GROUP, "Expect: 100-continue", "Content-Length: 2", "Connection: close"))
        assert connection.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.send(b"{}").until_closed().startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 ")


def test_requests_behind_one_another_are_answered_in_their_order(up: Installation) -> None:
    """The third is too large: it is refused, and what follows it is never taken for a request."""
    with line(up) as connection:
        small = head("GET", "/healthz")
        form = head("POST", TOKEN, FORM, "Content-Length: 3") + b"a=b"
        large = head("POST", TOKEN, FORM, "Content-Length: 16001") + b"x" * 16_001
        came = connection.send(small + form + large + small).until_closed()
    assert [came.count(status) for status in (b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")] == [1, 1, 1]
    assert came.index(b" 200 ") < came.index(b" 400 ") < came.index(b" 413 ")


@pytest.mark.parametrize(
    "request_",
    [
        head("GET", "/healthz", *[f"X-{number}: 1" for number in range(limits.MAX_HEADERS + 1)]),
        head("GET", "/healthz", *[f"X-{number}: {'y' * 4000}" for number in range(5)]),
        head("GET", "/" + "y" * 20_000),
        head("GET", "/healthz", "X: " + "y" * 20_000),
    ],
    ids=["many", "large together", "address", "one"],
)
def test_a_head_that_is_too_large_is_refused(up: Installation, request_: bytes) -> None:
    with line(up) as connection:
        assert connection.send(request_).answer().status == 431


def test_data_that_is_no_http_is_refused(up: Installation) -> None:
    for nonsense in (b"nonsense\r\n\r\n", head("POST", TOKEN, "Content-Length: -1"), head("GET", "/", "a b: c")):
        with line(up) as connection:
            assert connection.send(nonsense).answer().status == 400


def test_a_websocket_that_brings_a_body_is_refused(up: Installation) -> None:
    with line(up) as connection:
        upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 10")
        assert connection.send(head("GET", "/ws/feed/", *upgrade), b"x" * 10).answer().status == 413


@pytest.mark.parametrize("pieces", [1, 8])
def test_a_message_of_a_websocket_that_is_too_large_is_refused_with_the_reason(up: Installation, pieces: int) -> None:
    site = up.signed_in()
    address = f"ws://127.0.0.1:{up.http_port}/ws/feed/"
    with connect(address, additional_headers=site.headers(), max_size=None) as socket:
        socket.recv(timeout=30)
        piece = "x" * (limits.MAX_MESSAGE // pieces + 1)
        socket.send(iter([piece] * pieces) if pieces > 1 else piece)
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            while True:
                socket.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
