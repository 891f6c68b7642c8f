"""Incus' REST API over its socket, one question after the other."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

Json = Any
SECONDS = 90


class Refused(Exception):
    """Incus does not do it; the message says why."""


class Api:
    def __init__(self, path: Path) -> None:
        self.socket = path

    def ask(self, method: str, path: str, body: Json = None, *, data: bytes | None = None) -> Json:
        """Incus' answer; of a background operation what it ended with. Raises Refused."""
        content = data if data is not None else json.dumps(body).encode() if body is not None else None
        answer = json.loads(self.raw(method, path, content))
        _check(answer["type"] != "error", method, path, answer.get("error"))
        if answer["type"] == "async":
            waited = json.loads(self.raw("GET", f"{answer['operation'].partition('?')[0]}/wait?timeout=60", None))
            _check(waited["type"] != "error", method, path, waited.get("error"))
            ended = waited["metadata"]
            _check(ended["status"] == "Success", method, path, ended["err"] or ended["status"])
            return ended["metadata"]
        return answer["metadata"]

    def remove(self, instance: str) -> None:
        """By force. `instance`: its path, with the project if it is not in the default one."""
        path, _, query = instance.partition("?")
        query = query and f"?{query}"
        if self.ask("GET", f"{path}{query}")["status"] != "Stopped":
            self.ask("PUT", f"{path}/state{query}", {"action": "stop", "force": True, "timeout": 30})
        self.ask("DELETE", f"{path}{query}")

    def raw(self, method: str, path: str, content: bytes | None) -> bytes:
        # A body that is not JSON is an image, a backup or a file.
        is_json = content is None or content.startswith(b"{")
        headers = {"Content-Type": "application/json" if is_json else "application/octet-stream"}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SECONDS)
            line.connect(str(self.socket))
            connection = http.client.HTTPConnection("incus")
            connection.sock = line
            connection.request(method, path, body=content, headers=headers)
            with connection.getresponse() as response:
                return response.read()

    def answers(self) -> bool:
        """Is there a daemon that is ready, and may we talk to it?"""
        try:
            return bool(json.loads(self.raw("GET", "/internal/ready", None))["type"] == "sync")
        except (OSError, http.client.HTTPException, ValueError):
            return False


def _check(is_well: bool, method: str, path: str, why: object) -> None:
    if not is_well:
        raise Refused(f"{method} {path}: {why}")
