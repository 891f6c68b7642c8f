"""TLS without sockets: what a probe finds at a server that is called in the same thread, and speaks as real ones do."""

import ssl

from tests.probes.certificates import serving
from upgrades.core.states import Health
from upgrades.probes.answers import Answer, MalformedAnswer
from upgrades.probes.tls import TlsAnswer
from upgrades.providers.simulated.tls import Tunnel

VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
REQUEST = b"GET /health HTTP/1.1\r\n\r\n"


class Line:
    """One direction of a connection."""

    def __init__(self) -> None:
        self._sent = b""

    def send(self, data: bytes) -> int:
        self._sent += data
        return len(data)

    def receive(self) -> bytes:
        sent, self._sent = self._sent, b""
        return sent


def found_over_tls(said: bytes, kind: type[Answer], *, version: str, certificate: str) -> tuple[Health | None, str]:
    """What is found of a server that speaks TLS up to `version` ("none": it speaks plainly), shows that certificate, says `said` to each
    request, and then hangs up; without a verdict None."""
    there, back = Line(), Line()
    answer = TlsAnswer(REQUEST, kind, None, there.send)
    server = None if version == "none" else Tunnel(serving(certificate, most=VERSIONS[version]), back.send)
    answer.greet()
    try:
        while True:
            _serve(server, there.receive(), said, back)
            if answer.feed(back.receive()):
                return answer.verdict()
    except MalformedAnswer as error:
        return None, answer.told(str(error))


def _serve(server: Tunnel | None, heard: bytes, said: bytes, back: Line) -> None:
    if server is None:
        back.send(said)
        return
    try:
        if server.take(heard):
            server.give(said)
    except ssl.SSLError:
        pass  # it has said so in an alert
