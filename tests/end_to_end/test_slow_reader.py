"""Clients of the feed that stop reading: a send never waits, so that each of them could cost the server all its memory."""

import base64
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest
from django.db import connection

from tests.crash.fleets import put_fleets
from tests.crash.signs import broker_of
from tests.end_to_end.installation import LIVE, Installation
from tests.feed_client import FeedClient, Session
from tests.waiting import wait_until
from upgrades.feed.hints import CHANNEL
from upgrades.models import Event, ScaleSet

PATH = "slow/web"
INSTANCES = 50
DETAIL_BYTES = 2500  # what is said of each: a frame is as long as one of 300 instances, which cost more to make
CLIENTS = 10
MAX_BYTES = 5_000_000  # that one such client may cost
FRAMES = 70
SMALL_BUFFER = 4096  # of the kernel's: what does not fit there is the server's to keep

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


class NeverReads:
    """Opens the feed's socket, or a stream of its events, and reads nothing but the beginning of the answer."""

    def __init__(self, session: Session, port: int, *, stream: bool) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self._socket.settimeout(30)
        self._socket.connect(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        headers = {**session.headers(), "Host": f"127.0.0.1:{port}", **({} if stream else upgrade)}
        lines = [
            f"GET /{'feed/events' if stream else 'ws/feed/'}?sets={PATH} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        assert self._socket.recv(12) == (b"HTTP/1.1 200" if stream else b"HTTP/1.1 101")

    def __enter__(self) -> "NeverReads":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class Storm:
    """All instances change, again and again: written as `writing` does it, straight into the database that is looked at."""

    def __init__(self, up: Installation, client: FeedClient) -> None:
        self.up, self.client = up, client
        self.row = ScaleSet.objects.using(LIVE).get(key=PATH)
        state = client.holding(PATH)
        assert state
        self.instances: list[dict[str, Any]] = list(state["instances"].values())
        self.sent = 0

    def blow(self) -> Iterator[None]:
        """Frame by frame; each has reached the client that does read before the next is made."""
        with broker_of(self.up) as broker:
            for number in range(FRAMES):
                seq = self._write(number)
                broker.publish(CHANNEL, json.dumps({"scale_set": self.row.pk, "seq": seq}))
                wait_until(lambda seq=seq: self._has_come(seq), seconds=30, what=f"the client holds {seq}")  # type: ignore[misc]
                yield

    def _write(self, number: int) -> int:
        detail = f"storm {number} {os.urandom(DETAIL_BYTES // 2).hex()}"
        body = {"instances": [{**instance, "health_detail": detail} for instance in self.instances]}
        self.sent += len(json.dumps(body))
        self.row.seq += 1
        now = datetime.now(UTC)  # noqa: TID251  nobody decides by it
        Event.objects.using(LIVE).create(scale_set=self.row, seq=self.row.seq, at=now, body=body)
        ScaleSet.objects.using(LIVE).filter(pk=self.row.pk).update(seq=self.row.seq)
        return self.row.seq

    def _has_come(self, seq: int) -> bool:
        state = self.client.holding(PATH)
        return bool(state and state["seq"] >= seq)


def highest(server: psutil.Process, storm: Storm) -> int:
    """Bytes of memory of its own that the server had at the most during a storm."""
    return max(server.memory_full_info().uss for _ in storm.blow())


def connected(server: psutil.Process, clients: list[NeverReads]) -> set[int]:
    """Which of them the server still has a connection with."""
    theirs = {connection.raddr.port for connection in server.net_connections("tcp") if connection.raddr}
    return theirs & {client.port for client in clients}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it is about the web server, whatever the database")
def test_a_client_that_stops_reading_costs_little_and_is_thrown_out(up: Installation) -> None:
    put_fleets(up, {PATH: INSTANCES})
    session = up.signed_in()
    server = up.children()[up.server]
    with FeedClient(session, [PATH]) as reader, ExitStack() as stack:
        wait_until(lambda: reader.holding(PATH), seconds=30, what="a snapshot")
        storm = Storm(up, reader)
        usual = max(highest(server, storm), highest(server, storm))
        kinds = [number % 2 == 0 for number in range(CLIENTS)]
        deaf = [stack.enter_context(NeverReads(session, up.http_port, stream=stream)) for stream in kinds]
        storm.sent = 0
        with_them = highest(server, storm)
        each = (with_them - usual) / CLIENTS
        assert storm.sent > 1.5 * MAX_BYTES, "too little was said to say anything"
        assert each < MAX_BYTES, f"{each / 1e6:.1f} MB each; {usual / 1e6:.0f} MB without them"
        print(f"a client that does not read: {each / 1e6:.2f} MB; without: {usual / 1e6:.0f} MB")  # noqa: T201
        wait_until(lambda: not connected(server, deaf), seconds=60, what="they are all thrown out")
    assert reader.faults == []
