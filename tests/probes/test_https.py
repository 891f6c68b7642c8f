"""What an https probe finds, by what it meets: each case with a real socket and real TLS."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.probes.certificates import CERTIFICATES, serving
from tests.probes.conftest import Run
from tests.probes.responders import (
    HEALTHY,
    Answer,
    Connection,
    deaf,
    first_result,
    http,
    https,
    probing,
    refusing,
    reply,
    responding,
    rich,
    stall,
    until,
)
from tests.probes.test_answers import ANSWERS, RICH, TOO_LATE, WELL, says
from upgrades.core.states import Health
from upgrades.probes import tls
from upgrades.probes.addresses import Address
from upgrades.probes.targets import Target

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
HELLO_OF_A_SERVER = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_over_tls_count_as_over_http(run: Run, case: str) -> None:
    """S-33, Z-3.2: healthy on exactly 200."""
    answer, health, detail = ANSWERS[case]

    async def story() -> None:
        async with responding(answer, tls=serving()) as responder:
            result = await first_result(https(responder.port))
        assert (result.health, result.detail[: len(detail)]) == (health, detail)
        assert result.seconds < 2

    run(story())


@pytest.mark.parametrize("case", RICH)
def test_rich_answers_over_tls_count_as_over_http(run: Run, case: str) -> None:
    """A-8, Z-3.3"""
    answer, health, detail = RICH[case]

    async def story() -> None:
        async with responding(answer, tls=serving()) as responder:
            result = await first_result(rich(https(responder.port)))
        assert (result.health, result.detail[: len(detail)]) == (health, detail)
        assert result.seconds < 2

    run(story())


@pytest.mark.parametrize("case", TOO_LATE)
def test_an_https_probe_fails_without_a_complete_status_in_time(run: Run, case: str) -> None:
    async def story() -> None:
        async with responding(TOO_LATE[case], tls=serving()) as responder:
            result = await first_result(https(responder.port, interval=0.3))
        assert result.health is Health.UNHEALTHY
        assert result.detail.endswith("no answer in 0.3 s")  # a busy computer may not even shake hands in this time
        assert 0.3 <= result.seconds < 1.2

    run(story())


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_any_certificate_is_accepted(run: Run, certificate: str, version: ssl.TLSVersion) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY), tls=serving(certificate, most=version)) as responder:
            result = await first_result(https(responder.port))
        assert (result.health, result.detail) == (Health.HEALTHY, "HTTP 200")

    run(story())


def rich_https(port: int) -> Target:
    return rich(https(port))


BROKEN: dict[str, tuple[Answer, str]] = {
    "plain HTTP": (reply(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True), "no TLS is spoken there"),
    "closed": (reply(b"", close=True), "connection closed"),
    "closed in the middle": (reply(HELLO_OF_A_SERVER, close=True), "connection closed"),
    "reset": (Connection.reset, "connection reset"),
    "refused by an alert": (reply(b"\x15\x03\x03\x00\x02\x02\x28"), "alert handshake failure"),
    "no hello": (reply(b"\x16\x03\x03\x00\x04\x63\x00\x00\x00"), ""),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize(("as_asked", "health"), [(https, Health.UNHEALTHY), (rich_https, Health.UNKNOWN)])
def test_failed_handshakes_are_unhealthy(run: Run, case: str, as_asked: type, health: Health) -> None:
    answer, detail = BROKEN[case]

    async def story() -> None:
        async with responding(answer) as responder:
            result = await first_result(as_asked(responder.port))
        assert result.health is health
        assert result.detail.startswith(f"TLS handshake failed: {detail}")
        assert result.seconds < 2

    run(story())


@pytest.mark.parametrize("answer", [stall, reply(HELLO_OF_A_SERVER)], ids=["silence", "half a hello"])
def test_a_handshake_has_the_time_of_the_whole_probe(run: Run, answer: Answer) -> None:
    async def story() -> None:
        async with responding(answer) as responder:
            result = await first_result(https(responder.port, interval=0.1))
        assert (result.health, result.detail) == (Health.UNHEALTHY, "TLS handshake failed: no answer in 0.1 s")
        assert 0.1 <= result.seconds < 1

    run(story())


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "AES256-SHA256", "AES256-SHA", "ECDHE-RSA-AES256-SHA"])
def test_any_cipher_of_tls_1_2_is_accepted(run: Run, ciphers: str) -> None:
    context = serving("of RSA", most=TLS_1_2)
    context.set_ciphers(ciphers)

    async def story() -> None:
        async with responding(reply(HEALTHY), tls=context) as responder:
            result = await first_result(https(responder.port))
        assert result.health is Health.HEALTHY, result.detail

    run(story())


def test_versions_before_tls_1_2_are_refused(run: Run) -> None:
    async def story() -> None:
        async with serving_slowly(serving(most=ssl.TLSVersion.TLSv1_1)) as port:
            result = await first_result(https(port))
        assert result.health is Health.UNHEALTHY
        assert result.detail == "TLS handshake failed: no TLS 1.2 or newer is spoken there"

    run(story())


@pytest.mark.parametrize(
    ("version", "detail"),
    [(TLS_1_2, "TLS handshake failed: alert handshake failure"), (TLS_1_3, f"TLS failed: {tls.NO_CERTIFICATE}")],
)
def test_a_probe_has_no_certificate_of_its_own(run: Run, version: ssl.TLSVersion, detail: str) -> None:
    """Of TLS 1.3 it is told after its own end of the handshake only."""
    context = serving(most=version)
    context.verify_mode = ssl.CERT_REQUIRED

    async def story() -> None:
        async with serving_slowly(context) as port:
            result = await first_result(https(port))
        assert (result.health, result.detail) == (Health.UNHEALTHY, detail)

    run(story())


@pytest.mark.parametrize("as_asked", [https, rich_https])
def test_a_refused_connection_is_reported_as_over_http(run: Run, as_asked: type) -> None:
    async def story() -> None:
        with refusing() as port:
            result = await first_result(as_asked(port))
        assert result.detail == "connection refused"
        with deaf() as port:
            result = await first_result(https(port, interval=0.1))
        assert result.detail == "no connection in 0.1 s"

    run(story())


class Slowly(asyncio.Protocol):
    """A server that sends its TLS byte by byte, and in the end closes the connection without a word of TLS."""

    def __init__(self, context: ssl.SSLContext, answer: bytes, every: float = 0) -> None:
        self.answer, self.every = answer, every
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.unsent = b""
        self.is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.incoming.write(data)
        try:
            self.tls.do_handshake()
            if self.tls.read():
                self.tls.write(self.answer)
                self.is_last = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # an alert says so
            self.is_last = True
        if not self.unsent:
            asyncio.get_running_loop().call_soon(self.trickle)
        self.unsent += self.outgoing.read()

    def trickle(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.unsent[:1])
            self.unsent = self.unsent[1:]
            if self.unsent:
                asyncio.get_running_loop().call_later(self.every, self.trickle)
            elif self.is_last:
                self.transport.close()


@contextlib.asynccontextmanager
async def serving_slowly(context: ssl.SSLContext, answer: bytes = HEALTHY, *, every: float = 0) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: Slowly(context, answer, every), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_records_may_come_byte_by_byte_and_end_without_a_farewell(run: Run, version: ssl.TLSVersion) -> None:
    async def story() -> None:
        async with serving_slowly(serving(most=version), b"HTTP/1.0 200 OK\r\n\r\n" + WELL) as port:
            result = await first_result(rich(https(port)))
        assert (result.health, result.detail) == (Health.HEALTHY, "HTTP 200, ApplicationHealthState Healthy")

    run(story())


def test_the_time_of_handshake_and_answer_is_one(run: Run) -> None:
    """Bytes come all the time, and the answer never."""

    async def story() -> None:
        async with serving_slowly(serving(), every=0.05) as port:
            result = await first_result(https(port, interval=0.3))
        assert (result.health, result.detail) == (Health.UNHEALTHY, "TLS handshake failed: no answer in 0.3 s")
        assert result.seconds < 1

    run(story())


def test_a_long_answer_in_many_records(run: Run) -> None:
    async def story() -> None:
        async with responding(says(b" " * 60_000 + WELL), tls=serving()) as responder:
            result = await first_result(rich(https(responder.port)))
        assert (result.health, result.detail) == (Health.HEALTHY, "HTTP 200, ApplicationHealthState Healthy")

    run(story())


def test_an_endless_handshake_is_cut_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "MAX_BYTES", 100)

    async def story() -> None:
        async with responding(reply(HEALTHY), tls=serving()) as responder:
            result = await first_result(https(responder.port))
        assert result.detail == "TLS handshake failed: an answer of more than 100 bytes"

    run(story())


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", None), ("localhost", "localhost")])
def test_a_server_is_told_its_name_where_it_has_one(run: Run, host: str, told: str | None) -> None:
    context, names = serving(), []
    context.sni_callback = lambda _, name, __: names.append(name)

    async def story() -> None:
        async with responding(reply(HEALTHY), tls=context) as responder:
            result = await first_result(https(responder.port, host=host))
        assert (result.health, result.detail, names) == (Health.HEALTHY, "HTTP 200", [told])

    run(story())


def test_each_address_of_a_name_is_tried_until_one_takes_the_connection(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of http: what is said after that is the answer, good or bad."""

    async def story() -> None:
        with refusing() as closed:
            async with responding(reply(HEALTHY), tls=serving()) as good, responding(reply(b"SSH-2.0-x\r\n")) as bad:
                for ports, detail in [
                    ((closed, good.port), "HTTP 200"),
                    ((closed, closed), "connection refused"),
                    ((closed, bad.port, good.port), "TLS handshake failed: no TLS is spoken there"),
                ]:
                    found = tuple(Address(socket.AF_INET, ("127.0.0.1", port)) for port in ports)
                    monkeypatch.setattr("upgrades.probes.attempt.resolve", lambda *_, found=found: _soon(found))
                    result = await first_result(https(443, host="many.example"))
                    assert result.detail == detail

    run(story())


async def _soon(found: tuple[Address, ...]) -> tuple[Address, ...]:
    return found


def test_the_request_and_the_reset_at_its_end(run: Run) -> None:
    """As of http: no TIME_WAIT piles up on either side."""

    async def story() -> None:
        async with responding(reply(HEALTHY), tls=serving()) as responder:
            await first_result(https(responder.port, path="/deep?a=b"))
            await until(lambda: not responder.open)
            (connection,) = responder.connections
        assert connection.asked.startswith(b"GET /deep?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % responder.port)
        assert isinstance(connection.lost, ConnectionResetError)

    run(story())


def test_a_target_that_changes_to_https_is_asked_over_tls(run: Run) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY), tls=serving()) as responder, probing() as running:
            for target, health in [(http(responder.port), Health.UNHEALTHY), (https(responder.port), Health.HEALTHY)]:
                running.results.clear()
                running.engine.set_targets(1, [target])
                await until(lambda: running.results)
                assert running.results[0].health is health

    run(story())


def test_two_hundred_targets_are_probed_again_and_again(run: Run) -> None:
    """Each of two hundred, three times, through handshakes that are in flight together."""

    async def story() -> None:
        async with responding(reply(HEALTHY), tls=serving()) as responder, probing(max_in_flight=64) as running:
            running.engine.set_targets(1, [https(responder.port, key) for key in range(200)])
            for _ in range(3):
                running.results.clear()
                running.engine.hurry(range(200))
                await until(lambda: {result.target.key for result in running.results} == set(range(200)), 20)
                assert {result.detail for result in running.results} == {"HTTP 200"}

    run(story())


def test_hanging_handshakes_do_not_delay_other_probes(run: Run) -> None:
    async def story() -> None:
        async with (
            responding(stall) as hanging,
            responding(reply(HEALTHY), tls=serving()) as responder,
            probing(max_in_flight=32, max_young=8) as running,
        ):
            running.engine.set_targets(1, [https(hanging.port, key) for key in range(100)])
            await until(lambda: len([connection for connection in hanging.open if connection.asked]) >= 8)
            running.engine.set_targets(2, [https(responder.port, 200)])
            await until(lambda: running.of(200), 2)
            assert running.of(200)[0].health is Health.HEALTHY

    run(story())
