"""Node-RED with FlowFuse's dashboard as a peer of our feed: one text on one page, which changes with every line that comes by TCP.

Each viewer does what the dashboard's own page does: Socket.IO (Engine.IO 4) begins with HTTP, and goes on as a websocket.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from bench._environments import CannotBeHad, node
from bench._listeners import Client, Heard, Publish, connected, listens, measure, request_to, text_of
from bench._running import free_port

LOCKED = Path(__file__).parent / "node_red"
SOCKET = "/dashboard/socket.io/?EIO=4&transport="
SECONDS = 60  # for all of it, once it is installed
FLOW: list[dict[str, Any]] = [
    {"id": "tab", "type": "tab", "label": "bench"},
    {"id": "base", "type": "ui-base", "name": "bench", "path": "/dashboard", "acceptsClientConfig": []},
    {"id": "theme", "type": "ui-theme", "name": "bench"},
    {"id": "page", "type": "ui-page", "name": "bench", "ui": "base", "path": "/", "layout": "grid", "theme": "theme"},
    {"id": "group", "type": "ui-group", "name": "bench", "page": "page", "width": 6, "height": 1},
    {
        "id": "lines",
        "type": "tcp in",
        "z": "tab",
        "server": "server",
        "port": "${LINES_PORT}",
        "datamode": "stream",
        "datatype": "utf8",
        "newline": "\\n",
        "trim": True,
        "wires": [["parsed"]],
    },
    {"id": "parsed", "type": "json", "z": "tab", "property": "payload", "action": "obj", "wires": [["shown"]]},
    {"id": "shown", "type": "ui-text", "z": "tab", "group": "group", "format": "{{msg.payload}}", "wires": []},
]


class Viewer(Client):
    def opened(self) -> None:
        self.say(b"2probe")

    def answer(self, payload: bytes) -> None:
        if payload == b"3probe":
            self.say(b"5")
            self.ready.set_result(None)
        elif payload == b"2":
            self.say(b"3")


def label() -> str:
    versions = json.loads((LOCKED / "package.json").read_text())["dependencies"]
    return f"Node-RED {versions['node-red']}, dashboard {versions['@flowfuse/node-red-dashboard']}"


async def measured(clients: int) -> dict[str, float]:
    """Raises CannotBeHad."""
    folder = await asyncio.to_thread(node, LOCKED)
    port, lines_port = free_port(), free_port()
    with _server(folder, port, lines_port) as pid:
        try:
            async with asyncio.timeout(SECONDS):
                await listens(lines_port, "Node-RED", SECONDS / 2)  # then its flow runs
                async with _publisher(lines_port) as publish:
                    return await measure(clients, pid, lambda heard: _joined(port, heard), publish)
        except OSError as error:  # TimeoutError is one
            raise CannotBeHad(str(error) or f"it is not measured within {SECONDS} s") from error


@contextlib.contextmanager
def _server(folder: Path, port: int, lines_port: int) -> Iterator[int]:
    """Its process id. It keeps nothing, shows no editor and asks nobody for news of itself."""
    with tempfile.TemporaryDirectory(prefix="rollgrid-bench-") as home:
        quiet = {"httpAdminRoot": False, "diagnostics": {"enabled": False}, "telemetry": {"enabled": False}}
        place = {"userDir": home, "flowFile": "flow.json", "uiHost": "127.0.0.1", "uiPort": port}
        Path(home, "flow.json").write_text(json.dumps(FLOW))
        Path(home, "settings.js").write_text(f"module.exports = {json.dumps({**place, **quiet})}")
        server = subprocess.Popen(
            ["node", folder / "node_modules/node-red/red.js", "--settings", Path(home, "settings.js")],
            cwd=home,
            env={**os.environ, "NODE_ENV": "production", "LINES_PORT": str(lines_port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield server.pid
        finally:
            server.kill()
            server.wait()


@contextlib.asynccontextmanager
async def _publisher(port: int) -> AsyncIterator[Publish]:
    _, writer = await asyncio.open_connection("127.0.0.1", port)

    async def publish(number: int) -> None:
        writer.write(f"{text_of(number)}\n".encode())
        await writer.drain()

    yield publish
    writer.close()


async def _joined(port: int, heard: Heard) -> Client:
    session = json.loads((await _ask(port, f"{SOCKET}polling"))[1:])["sid"]
    await _ask(port, f"{SOCKET}polling&sid={session}", "40")
    await _ask(port, f"{SOCKET}polling&sid={session}")
    return await connected(port, lambda: Viewer(request_to(port, f"{SOCKET}websocket&sid={session}"), heard))


async def _ask(port: int, path: str, body: str = "") -> str:
    """The answer to GET, or to POST of this body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    method, host = "POST" if body else "GET", f"127.0.0.1:{port}"
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n{body}".encode())
    status, _, answer = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    if " 200 " not in status.splitlines()[0]:
        raise ConnectionError(f"Node-RED answers {status.splitlines()[0]}")
    return answer
