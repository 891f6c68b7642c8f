"""Conversations with QEMU and with the guest agent, over sockets of this test's own."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.guest_agent import CommandRefused, report
from upgrades.providers.qemu.launch import listening
from upgrades.providers.qemu.monitor import NoAnswer, agent, monitor

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Its path is longer than that of a socket may be."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    return folder


def talk(folder: Path, socket: str, serve: Serve, ask: Callable[[], Awaitable[Any]]) -> Any:
    """What `ask` returns while `serve` answers at the socket."""

    async def whole() -> Any:
        is_over = asyncio.Event()

        async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
                is_over.set()

        async with await asyncio.start_unix_server(serve_and_close, sock=listening(folder, socket)):
            try:
                return await ask()
            finally:
                await is_over.wait()

    return asyncio.run(whole())


def test_an_answer_is_told_from_events(folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        for answer in ({}, {"status": "running"}):
            asked = json.loads(await reader.readline())
            writer.write(b'{"event": "STOP", "data": {}}\n')
            writer.write(json.dumps({"return": answer}).encode() + b"\n")
        assert asked == {"execute": "query-status", "arguments": {}}

    async def ask() -> Any:
        async with monitor(folder) as put:
            return await put("query-status", {})

    assert talk(folder, "qmp", serve, ask) == {"status": "running"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not json\n",
        b"[]\n",
        b'{"half": ',
        b"[" * 100_000 + b"\n",
        GREETING,
        GREETING + b'{"return": {}}\n' + b"x" * 2_000_000,
    ],
    ids=["nothing", "words", "a list", "half a line", "lists in lists", "only a greeting", "too much"],
)
def test_a_monitor_that_talks_nonsense_is_an_error_that_passes(folder: Path, said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.write_eof()
        await reader.read()

    async def ask() -> None:
        async with monitor(folder) as put:
            await put("query-status", {})

    with pytest.raises(NoAnswer) as caught:
        talk(folder, "qmp", serve, ask)
    assert (caught.value.permanent, bool(caught.value.message)) == (False, True)


def test_a_monitor_that_is_silent_is_given_up(folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def ask() -> None:
        async with monitor(folder):
            pass

    with pytest.raises(NoAnswer, match="QEMU does not answer: 1.2 s have passed"):
        talk(folder, "qmp", serve, ask)


def test_a_machine_without_sockets_does_not_answer(folder: Path) -> None:
    async def ask() -> None:
        async with monitor(folder):
            pass

    with pytest.raises(NoAnswer):
        asyncio.run(ask())


def test_answers_to_an_earlier_caller_are_skipped(folder: Path) -> None:
    async def ask() -> Any:
        async with agent(folder) as put:
            return await put("guest-info", {})

    assert talk(folder, "agent", agent_that_says({"return": {"version": "7.2"}}), ask) == {"version": "7.2"}


def test_a_report_that_is_not_there_yet_is_none(folder: Path) -> None:
    async def ask() -> Any:
        async with agent(folder) as put:
            return await report(put)

    refusal = {"error": {"class": "GenericError", "desc": "No such file or directory"}}
    assert talk(folder, "agent", agent_that_says(refusal), ask) is None


def test_a_refusal_is_told(folder: Path) -> None:
    async def ask() -> Any:
        async with agent(folder) as put:
            await put("guest-exec", {})

    with pytest.raises(CommandRefused, match="guest-exec: .*missing") as caught:
        talk(folder, "agent", agent_that_says({"error": {"desc": "missing"}}), ask)
    assert isinstance(caught.value, ProviderError)


def agent_that_says(answer: dict[str, Any]) -> Serve:
    """It still has something to say to whoever asked before."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"return": "late"}\n\xff{"return": 1}\n')
        line = (await reader.readline()).lstrip(b"\xff")
        number = json.loads(line)["arguments"]["id"]
        writer.write(b"\xff" + json.dumps({"return": number}).encode() + b"\n")
        await reader.readline()
        writer.write(json.dumps(answer).encode() + b"\n")
        await reader.read()

    return serve
