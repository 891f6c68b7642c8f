"""Questions to QEMU (its monitor, in QMP) and to the guest agent in the guest: lines of JSON over a socket in the machine's folder.

QEMU serves one caller of a socket at a time, so a conversation is short. The two protocols are alike enough for one small client; a
package for QMP alone would not speak to the agent.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE
from upgrades.providers.hosts.guest_agent import Ask, CommandRefused

# A machine is asked twice for a view, which a provider gives in less than four seconds.
MONITOR_SECONDS, AGENT_SECONDS = 1.2, 2.0
MAX_LINE = 1024 * 1024
MAX_WORDS = 500  # of an answer, in a message for people
RESET = b"\xff"  # makes the agent forget half a command of whoever was cut off before


class NoAnswer(ProviderError):
    """QEMU, or the agent, did not answer in time, or said what cannot be read."""

    def __init__(self, who: str, why: object) -> None:
        super().__init__(HOST_UNAVAILABLE, f"{who} does not answer: {why}", permanent=False)


@asynccontextmanager
async def monitor(folder: Path) -> AsyncIterator[Ask]:
    """Within it, questions to the QEMU of the machine in `folder`. Raises NoAnswer."""
    async with _connected(folder, "qmp", "QEMU", MONITOR_SECONDS) as line:
        await line.read()  # its greeting
        await line.ask("qmp_capabilities", {})
        yield line.ask


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[Ask]:
    """Within it, questions to the guest agent in the machine. Raises NoAnswer."""
    async with _connected(folder, "agent", "The guest agent", AGENT_SECONDS) as line:
        await line.synchronize()
        yield line.ask


class Conversation:
    def __init__(self, who: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._who, self._reader, self._writer = who, reader, writer

    async def ask(self, command: str, arguments: Mapping[str, Any]) -> Any:
        self._send({"execute": command, "arguments": arguments})
        while True:
            answer = await self.read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise CommandRefused(
                    "MachineRefuses", f"{self._who}: {command}: {str(answer['error'])[:MAX_WORDS]}", permanent=False
                )

    async def read(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("it hung up")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError(f"{repr(answer)[:MAX_WORDS]} is no object")
        return answer

    async def synchronize(self) -> None:
        """Skip answers to whoever asked before."""
        number = int.from_bytes(os.urandom(4))
        self._writer.write(RESET)
        self._send({"execute": "guest-sync-delimited", "arguments": {"id": number}})
        while True:
            await self._reader.readuntil(RESET)
            if (await self.read()).get("return") == number:
                return

    def _send(self, message: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")


@asynccontextmanager
async def _connected(folder: Path, socket: str, who: str, seconds: float) -> AsyncIterator[Conversation]:
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await _open(folder, socket)
            try:
                yield Conversation(who, reader, writer)
            finally:
                writer.transport.abort()  # whatever was not sent is of no use now
                await asyncio.sleep(0)  # the socket is closed in the event loop's next round
    # TimeoutError is an OSError; lists in lists in lists are a RecursionError.
    except (OSError, EOFError, ValueError, RecursionError, asyncio.LimitOverrunError) as error:
        raise NoAnswer(who, str(error) or f"{seconds:g} s have passed") from error


async def _open(folder: Path, socket: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # A socket's path has at most 107 bytes, and the folder's may be longer: it is reached through its open handle.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{handle}/{socket}", limit=MAX_LINE)
    finally:
        os.close(handle)
