"""Simulated machines over TLS: on the same socket, for who begins with it."""

import http.client
import socket
import ssl
import stat
from pathlib import Path

import pytest

from tests.providers.contract import NEW, OLD, create, done
from tests.providers.simulator import Simulator, http_status
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.simulated.tls import Identity


def a_machine(simulator: Simulator, scale_set: ScaleSetReference, version: str = OLD) -> str:
    async def story(provider: Provider) -> str:
        (view,) = await done(provider, create(scale_set, "0", version))
        return view.address

    return simulator.play(story)


def caller(most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """As probes are: it believes whatever it is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = most
    return context


def https(address: str, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[int, bytes]:
    """(status, the certificate that was shown)"""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=5) as line,
        caller(most).wrap_socket(line) as tunnel,
    ):
        shown = tunnel.getpeercert(binary_form=True)
        tunnel.sendall(f"GET /any/path?at=all HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        with http.client.HTTPResponse(tunnel) as response:
            response.begin()
            assert response.read(), "a body is expected"
            assert tunnel.unwrap(), "it said that nothing more would come"
            assert shown
            return response.status, shown


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_machine_speaks_tls_and_plainly_on_one_socket(
    shared_simulator: Simulator, scale_set: ScaleSetReference, version: ssl.TLSVersion
) -> None:
    address = a_machine(shared_simulator, scale_set)
    assert [https(address, version)[0], http_status(address), https(address, version)[0]] == [200] * 3


def test_bad_versions_answer_503_over_tls_too(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    bad = ScaleSetReference(scale_set.key, dict(scale_set.tags) | {"rollgrid-sim-bad-versions": NEW})
    assert https(a_machine(shared_simulator, bad, NEW))[0] == 503


def test_slow_handshakes_block_no_other_caller(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    address = a_machine(shared_simulator, scale_set)
    host, _, port = address.rpartition(":")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = caller().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    with socket.create_connection((host, int(port)), timeout=5) as slow:
        slow.sendall(hello[:1])
        assert https(address)[0] == 200
        slow.sendall(hello[1:50])
        assert http_status(address) == 200
        slow.sendall(hello[50:])
        assert slow.recv(5)[:1] == b"\x16"


def test_broken_tls_handshakes_are_answered_and_closed(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    address = a_machine(shared_simulator, scale_set)
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(b"\x16\x03\x01\x00\x04none")
        assert line.recv(100)[:1] == b"\x15", "an alert"
        assert line.recv(100) == b""
    assert https(address)[0] == 200


def test_all_machines_show_one_certificate_that_outlives_the_simulator(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def two_machines(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"), create(scale_set, "1"))

    async def addresses(provider: Provider) -> list[str]:
        """Other simulators may have taken those of one that was away."""
        return [view.address for view in (await provider.views(scale_set)).values()]

    def shown() -> set[tuple[int, bytes]]:
        return {https(address) for address in simulator.play(addresses)}

    simulator.play(two_machines)
    file = simulator.home / "simulator" / "machines.pem"
    assert not file.exists(), "nobody has asked for it yet"
    (before,) = shown()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    simulator.kill()
    simulator.start()
    assert shown() == {before}
    simulator.kill()
    file.write_text("damaged")
    simulator.start()
    (after,) = shown()
    assert after[0] == 200 and after != before


def test_machines_without_a_certificate_speak_plain_http_only(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    """Nothing can be written where it belongs: that is told, and the rest goes on."""
    (simulator.home / "simulator" / "machines.pem" / "in the way").mkdir(parents=True)
    address = a_machine(simulator, scale_set)
    with pytest.raises(OSError):
        https(address)
    assert http_status(address) == 200
    assert "no machine can speak TLS, for want of a certificate" in simulator.log.read_text()
    (simulator.home / "simulator" / "machines.pem" / "in the way").rmdir()
    (simulator.home / "simulator" / "machines.pem").rmdir()
    assert https(address)[0] == 200


def test_the_certificate_is_made_once_in_a_process(tmp_path: Path) -> None:
    identity = Identity(tmp_path / "machines.pem")
    assert identity.context is identity.context
