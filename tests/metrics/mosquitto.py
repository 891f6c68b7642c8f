"""A Mosquitto of a test's own on loopback, with a password, and with TLS where a certificate is given; and a subscriber."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from dashboard.supervisor.lifeline import tie
from tests.waiting import wait_until

USER, PASSWORD = "rollgrid", "p@ss word/of mqtt"


@dataclass
class Broker:
    folder: Path
    port: int
    tls: tuple[Path, Path] | None = None
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        lines = [
            "allow_anonymous false",
            f"password_file {self.folder / 'passwords'}",
            f"listener {self.port} 127.0.0.1",
        ]
        if self.tls:
            lines += [f"certfile {self.tls[0]}", f"keyfile {self.tls[1]}"]
        if os.getuid() == 0:
            lines.append("user root")  # otherwise it becomes a user who may not read our files
        (self.folder / "mosquitto.conf").write_text("\n".join([*lines, ""]))
        command = [program(), "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=tie())

    def stop(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


def program() -> str:
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("mosquitto is not installed: apt install mosquitto")
    return str(found)


@contextmanager
def running(folder: Path, port: int, tls: tuple[Path, Path] | None = None) -> Iterator[Broker]:
    broker = Broker(folder, port, tls)
    program()
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), USER, PASSWORD], check=True, capture_output=True)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@dataclass
class Subscriber:
    """What a client that subscribes to everything has been sent. `retained`: by topic; `said`: all payloads in their order, by topic."""

    port: int
    said: dict[str, list[str]] = field(default_factory=dict)
    ready: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Subscriber":
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(USER, PASSWORD)
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_message = self._received
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async("127.0.0.1", self.port)
        self.client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _received(self, client: Any, userdata: Any, message: Any) -> None:
        self.said.setdefault(message.topic, []).append(message.payload.decode())

    def last(self, topic: str) -> str | None:
        return self.said.get(topic, [""])[-1] or None

    def wait_for(self, topic: str, payload: str | None, seconds: float = 10) -> None:
        wait_until(lambda: self.last(topic) == payload, seconds=seconds, what=f"{topic} is {payload}")
