"""What a probe finds, by what it meets: each case with a real socket."""

import socket

import pytest

from tests.probes.conftest import Run
from tests.probes.responders import (
    HEALTHY,
    Answer,
    Connection,
    deaf,
    first_result,
    http,
    probing,
    refusing,
    reply,
    responding,
    rich,
    stall,
    tcp,
    until,
)
from upgrades.core.states import Health

HEADERS_ONLY = b"HTTP/1.1 %d Whatever\r\nContent-Length: 1000\r\n\r\n"


def in_two_parts(connection: Connection) -> None:
    connection.trickle(HEALTHY, every=0)


def too_slowly(connection: Connection) -> None:
    connection.trickle(HEALTHY, every=0.05)


def endless_headers(connection: Connection) -> None:
    connection.transport.write(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: of some length\r\n" * 6000)


ANSWERS: dict[str, tuple[Answer, Health, str]] = {
    "200": (reply(HEALTHY), Health.HEALTHY, "HTTP 200"),
    "200 and closed": (reply(HEALTHY, close=True), Health.HEALTHY, "HTTP 200"),
    "200 in HTTP 1.0": (reply(b"HTTP/1.0 200 OK\r\n\r\n", close=True), Health.HEALTHY, "HTTP 200"),
    "200 byte by byte": (in_two_parts, Health.HEALTHY, "HTTP 200"),
    "200, body stalls": (reply(HEADERS_ONLY % 200), Health.HEALTHY, "HTTP 200"),
    "200 after early hints": (
        reply(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEALTHY),
        Health.HEALTHY,
        "HTTP 200",
    ),
    "200, malformed body": (
        reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Health.HEALTHY,
        "HTTP 200",
    ),
    "503 after early hints": (reply(b"HTTP/1.1 103 E\r\n\r\n" + HEADERS_ONLY % 503), Health.UNHEALTHY, "HTTP 503"),
    "101": (
        reply(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        Health.UNHEALTHY,
        "HTTP 101",
    ),
    "201": (reply(b"HTTP/1.1 201 Created\r\n\r\n"), Health.UNHEALTHY, "HTTP 201"),
    "204": (reply(b"HTTP/1.1 204 No Content\r\n\r\n"), Health.UNHEALTHY, "HTTP 204"),
    "301": (reply(b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), Health.UNHEALTHY, "HTTP 301"),
    "503": (reply(HEALTHY.replace(b"200", b"503")), Health.UNHEALTHY, "HTTP 503"),
    "503, body stalls": (reply(HEADERS_ONLY % 503), Health.UNHEALTHY, "HTTP 503"),
    "garbage": (reply(b"SSH-2.0-OpenSSH_9.2\r\n"), Health.UNHEALTHY, "malformed answer"),
    "closed unanswered": (reply(b"", close=True), Health.UNHEALTHY, "connection closed before an answer"),
    "closed in the headers": (
        reply(b"HTTP/1.1 200 OK\r\nX: 1\r\n", close=True),
        Health.UNHEALTHY,
        "connection closed before",
    ),
    "reset": (Connection.reset, Health.UNHEALTHY, "connection reset"),
    "endless headers": (endless_headers, Health.UNHEALTHY, "no end of headers in 65536 bytes"),
}
OK = b"HTTP/1.1 200 OK\r\n"
WELL, ILL = b'{"ApplicationHealthState": "Healthy"}', b'{"ApplicationHealthState": "Unhealthy"}'
NOTHING_SAID = "HTTP 200 without an ApplicationHealthState"


def says(body: bytes, status: bytes = b"200 OK", *, close: bool = False) -> Answer:
    return reply(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body), close=close)


def word_by_word(connection: Connection) -> None:
    connection.trickle(OK + b"Content-Length: %d\r\n\r\n" % len(WELL) + WELL, every=0)


RICH: dict[str, tuple[Answer, Health, str]] = {
    "healthy": (says(WELL), Health.HEALTHY, "HTTP 200, ApplicationHealthState Healthy"),
    "unhealthy": (says(ILL), Health.UNHEALTHY, "HTTP 200, ApplicationHealthState Unhealthy"),
    "202": (says(WELL, b"202 Accepted"), Health.HEALTHY, "HTTP 202, ApplicationHealthState Healthy"),
    "other members": (says(b'{"a": [1], "applicationHealthState": "Healthy"}'), Health.HEALTHY, "HTTP 200"),
    "byte by byte": (word_by_word, Health.HEALTHY, "HTTP 200"),
    "in chunks": (
        reply(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in WELL) + b"0\r\n\r\n"),
        Health.HEALTHY,
        "HTTP 200",
    ),
    "until closed": (reply(b"HTTP/1.0 200 OK\r\n\r\n" + ILL, close=True), Health.UNHEALTHY, "HTTP 200"),
    "after early hints": (
        reply(b"HTTP/1.1 103 E\r\n\r\n" + OK + b"Content-Length: 37\r\n\r\n" + WELL),
        Health.HEALTHY,
        "",
    ),
    "another word": (says(b'{"ApplicationHealthState": "Busy"}'), Health.UNKNOWN, NOTHING_SAID),
    "a word in small letters": (says(b'{"ApplicationHealthState": "healthy"}'), Health.UNKNOWN, NOTHING_SAID),
    "no word": (says(b'{"ApplicationHealthState": null}'), Health.UNKNOWN, NOTHING_SAID),
    "a list for a word": (says(b'{"ApplicationHealthState": ["Healthy"]}'), Health.UNKNOWN, NOTHING_SAID),
    "no such member": (says(b'{"health": "Healthy"}'), Health.UNKNOWN, NOTHING_SAID),
    "no object": (says(b'"Healthy"'), Health.UNKNOWN, NOTHING_SAID),
    "no JSON": (says(b"Healthy"), Health.UNKNOWN, NOTHING_SAID),
    "no UTF-8": (says(b"\xff\xfe\xfa"), Health.UNKNOWN, NOTHING_SAID),
    "a JSON bomb": (says(b"[" * 60_000), Health.UNKNOWN, NOTHING_SAID),
    "no body": (reply(b"HTTP/1.1 204 No Content\r\n\r\n"), Health.UNKNOWN, "HTTP 204 without"),
    "closed in the body": (reply(OK + b"Content-Length: 99\r\n\r\n{", close=True), Health.UNKNOWN, NOTHING_SAID),
    "503, whatever it says": (says(WELL, b"503 Service Unavailable"), Health.UNKNOWN, "HTTP 503"),
    "301": (says(WELL, b"301 Moved"), Health.UNKNOWN, "HTTP 301"),
    "503, body stalls": (reply(HEADERS_ONLY % 503), Health.UNKNOWN, "HTTP 503"),
    "garbage": (reply(b"SSH-2.0-OpenSSH_9.2\r\n"), Health.UNKNOWN, "malformed answer"),
    "closed unanswered": (reply(b"", close=True), Health.UNKNOWN, "connection closed before an answer"),
    "reset": (Connection.reset, Health.UNKNOWN, "connection reset"),
    "a body without end": (says(b" " * 1_000_000), Health.UNKNOWN, "an answer of more than 65536 bytes"),
}
TOO_LATE: dict[str, Answer] = {
    "no answer": stall,
    "headers stall": reply(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"),
    "only hints": reply(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "trickles": too_slowly,
}


@pytest.mark.parametrize("case", ANSWERS)
def test_http_answers(run: Run, case: str) -> None:
    answer, health, detail = ANSWERS[case]

    async def story() -> None:
        async with responding(answer) as responder:
            result = await first_result(http(responder.port))
        assert (result.health, result.detail[: len(detail)]) == (health, detail)
        assert result.seconds < 2

    run(story())


@pytest.mark.parametrize("case", RICH)
def test_rich_answers(run: Run, case: str) -> None:
    """A-8: a 2xx says in its body how the application is; whatever says nothing is unknown (Z-3.3)."""
    answer, health, detail = RICH[case]

    async def story() -> None:
        async with responding(answer) as responder:
            result = await first_result(rich(http(responder.port)))
        assert (result.health, result.detail[: len(detail)]) == (health, detail)
        assert result.seconds < 2

    run(story())


@pytest.mark.parametrize("answer", [stall, reply(HEADERS_ONLY % 200)], ids=["no answer", "the body stalls"])
def test_a_rich_answer_that_does_not_come_in_time_is_unknown(run: Run, answer: Answer) -> None:
    async def story() -> None:
        async with responding(answer) as responder:
            result = await first_result(rich(http(responder.port, interval=0.1)))
        assert (result.health, result.detail) == (Health.UNKNOWN, "no answer in 0.1 s")

    run(story())


@pytest.mark.parametrize(("target", "health"), [(http, Health.UNKNOWN), (tcp, Health.UNHEALTHY)])
def test_a_refused_connection_is_unknown_to_rich_http_and_never_to_tcp(run: Run, target: type, health: Health) -> None:
    async def story() -> None:
        with refusing() as port:
            result = await first_result(rich(target(port)))
        assert (result.health, result.detail) == (health, "connection refused")

    run(story())


def test_a_rich_tcp_probe_asks_for_a_handshake_only(run: Run) -> None:
    async def story() -> None:
        async with responding(stall) as responder:
            result = await first_result(rich(tcp(responder.port)))
        assert (result.health, result.detail) == (Health.HEALTHY, "connected")

    run(story())


@pytest.mark.parametrize("case", TOO_LATE)
def test_a_probe_fails_without_a_complete_status_in_time(run: Run, case: str) -> None:
    async def story() -> None:
        async with responding(TOO_LATE[case]) as responder:
            result = await first_result(http(responder.port, interval=0.1))
        assert (result.health, result.detail) == (Health.UNHEALTHY, "no answer in 0.1 s")
        assert 0.1 <= result.seconds < 1

    run(story())


@pytest.mark.parametrize("target", [http, tcp])
def test_a_refused_connection_is_unhealthy(run: Run, target: type) -> None:
    async def story() -> None:
        with refusing() as port:
            result = await first_result(target(port))
        assert (result.health, result.detail) == (Health.UNHEALTHY, "connection refused")

    run(story())


@pytest.mark.parametrize("target", [http, tcp])
def test_no_handshake_in_time(run: Run, target: type) -> None:
    async def story() -> None:
        with deaf() as port:
            result = await first_result(target(port, interval=0.1))
        assert (result.health, result.detail) == (Health.UNHEALTHY, "no connection in 0.1 s")

    run(story())


def test_a_completed_handshake_is_all_that_tcp_asks_for(run: Run) -> None:
    async def story() -> None:
        async with responding(stall) as responder:
            result = await first_result(tcp(responder.port))
            assert (result.health, result.detail) == (Health.HEALTHY, "connected")
            await until(lambda: responder.connections and not responder.open)
            assert responder.connections[0].asked == b""

    run(story())


def test_connections_end_with_a_reset_so_that_no_time_wait_piles_up(run: Run) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder:
            await first_result(http(responder.port))
            await until(lambda: not responder.open)
            assert isinstance(responder.connections[0].lost, ConnectionResetError)

    run(story())


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/health?deep=1&of=%2F", b"/health?deep=1&of=%2F"),
        ("health", b"/health"),
        ("/a b\r\nX: é", b"/a%20b%0D%0AX:%20%C3%A9"),
    ],
)
def test_the_request(run: Run, path: str, asked: bytes) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder:
            await first_result(http(responder.port, path=path))
            lines = responder.connections[0].asked.split(b"\r\n")
        assert lines[0] == b"GET " + asked + b" HTTP/1.1"
        assert b"Host: 127.0.0.1:%d" % responder.port in lines
        assert b"Connection: close" in lines

    run(story())


def test_ipv6(run: Run) -> None:
    async def story() -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
        async with responding(reply(HEALTHY), "::1") as responder:
            result = await first_result(http(responder.port, host="::1"))
            assert b"\r\nHost: [::1]:%d\r\n" % responder.port in responder.connections[0].asked
        assert result.health is Health.HEALTHY

    run(story())


def test_a_name_is_resolved_and_all_its_addresses_are_tried(run: Run) -> None:
    """localhost may be ::1 first, where nobody listens."""

    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder:
            result = await first_result(http(responder.port, host="localhost"))
        assert (result.health, result.detail) == (Health.HEALTHY, "HTTP 200")

    run(story())


def test_a_name_without_address_is_a_failure(run: Run) -> None:
    async def story() -> None:
        result = await first_result(http(80, host="no..name"))
        assert result.health is Health.UNHEALTHY
        assert result.detail.startswith("no address of no..name")

    run(story())


def test_a_literal_address_never_meets_the_resolver(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr("upgrades.probes.attempt.resolve", None)
        async with responding(reply(HEALTHY)) as responder, probing() as running:
            running.engine.set_targets(1, [http(responder.port)])
            await until(lambda: running.results)

    run(story())
