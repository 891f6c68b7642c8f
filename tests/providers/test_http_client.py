"""How a provider's server is asked: on which connections, how often, and what is read of the answers."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from upgrades.providers.base import ProviderError
from upgrades.providers.remote.http_client import LastAnswer, RemoteHttpClient, Server


class Recorder:
    """A server that answers `answers_of_each` requests on each connection, and closes it without an answer at the next one."""

    def __init__(self, answers_of_each: int) -> None:
        self.answers_of_each = answers_of_each
        self.connections, self.requests, self.body = 0, 0, b'{"n": 1}'
        self.ends: list[Coroutine[Any, Any, None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.ends.append(writer.wait_closed())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for number in range(1, 1000):
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                self.requests += 1
                if number > self.answers_of_each:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(self.body), self.body))
        writer.close()


def asking(recorder: Recorder, ask: Callable[[RemoteHttpClient], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = RemoteHttpClient(lambda: Server(f"http://127.0.0.1:{port}", "token", "the server"), "Away")
        try:
            await ask(client)
        finally:
            await client.close()
            server.close()
            await asyncio.gather(*recorder.ends, return_exceptions=True)

    asyncio.run(run())


def test_questions_share_a_connection() -> None:
    recorder = Recorder(answers_of_each=10)

    async def ask(client: RemoteHttpClient) -> None:
        for _ in range(3):
            assert await client.ask("v1/poll", {}, seconds=5, is_question=True) == {"n": 1}

    asking(recorder, ask)
    assert (recorder.connections, recorder.requests) == (1, 3)


def test_a_question_is_asked_again_where_its_connection_was_closed() -> None:
    recorder = Recorder(answers_of_each=1)

    async def ask(client: RemoteHttpClient) -> None:
        for _ in range(3):
            assert await client.ask("v1/poll", {}, seconds=5, is_question=True) == {"n": 1}

    asking(recorder, ask)
    assert recorder.requests > 3


def test_a_change_has_a_connection_of_its_own_and_is_sent_once() -> None:
    recorder = Recorder(answers_of_each=1)

    async def ask(client: RemoteHttpClient) -> None:
        for _ in range(3):
            await client.ask("v1/begin", {}, seconds=5)

    asking(recorder, ask)
    assert (recorder.connections, recorder.requests) == (3, 3)


def test_a_change_that_is_not_answered_is_not_sent_again() -> None:
    recorder = Recorder(answers_of_each=0)

    async def ask(client: RemoteHttpClient) -> None:
        with pytest.raises(ProviderError) as raised:
            await client.ask("v1/begin", {}, seconds=5)
        assert raised.value.code == "Away" and not raised.value.permanent

    asking(recorder, ask)
    assert recorder.requests == 1


def test_the_same_answer_is_read_once() -> None:
    recorder, last = Recorder(answers_of_each=10), LastAnswer()

    async def ask(client: RemoteHttpClient) -> Any:
        return await client.ask("v1/views", {}, seconds=5, is_question=True, last=last)

    async def tell(client: RemoteHttpClient) -> None:
        assert await ask(client) == {"n": 1}
        assert await ask(client) == {"n": 1}, "nobody has said what it means"
        last.meaning = "one"
        assert await ask(client) is last and last.meaning == "one"
        recorder.body = json.dumps({"n": 2}).encode()
        assert await ask(client) == {"n": 2}
        assert last.meaning is None

    asking(recorder, tell)
