"""Keeps an MQTT broker up to date: publishes what has changed, and all of it after each connection.

paho connects again by itself, after 1 s, 2 s, 4 s, up to a minute. While this program is away, or cannot read the database, the topic
`availability` says "offline": the broker publishes that as the last will.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from django.db import Error, connection

from upgrades.feed.summaries import SUMMARIES
from upgrades.mqtt.messages import OFFLINE, ONLINE, availability_topic, messages_of, patterns

READ_SECONDS = 2.0
MIN_PAUSE, MAX_PAUSE = 1, 60  # seconds between two tries to connect
END_SECONDS = 2.0
AT_LEAST_ONCE = 1
PORTS = {"mqtt": 1883, "mqtts": 8883}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and as whom to connect. `prefix`: what all our topics begin with.

    `ca`: the authority that signs its certificate; None for those that this computer trusts.
    """

    host: str
    port: int
    is_encrypted: bool
    prefix: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    @classmethod
    def from_url(cls, url: str, ca: Path | None) -> "Address":
        """From `mqtts://user:password@host:port/prefix`; dashboard/environment.py has checked it."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or PORTS[parts.scheme],
            is_encrypted=parts.scheme == "mqtts",
            prefix=parts.path.strip("/") or "rollgrid",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            ca=ca,
        )


def read_messages(prefix: str, now: datetime) -> dict[str, str]:
    """{topic: payload} of all scale sets that have a board. Raises django.db.Error."""
    try:
        found: dict[str, str] = {}
        for row in SUMMARIES.all():
            if row.board and not row.is_deleting:
                found |= messages_of(prefix, row, now)
        return found
    except Error:
        connection.close()
        raise


class Publisher:
    """Publishes what `read(prefix)` says, for as long as `run` runs. `_published`: what the broker has of ours."""

    def __init__(self, address: Address, read: Callable[[str], dict[str, str]]) -> None:
        self._address = address
        self._read = read
        self._published: dict[str, str] = {}
        self._is_online = False
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._client = self._new_client(address)

    def _new_client(self, address: Address) -> Any:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"{address.prefix}-publisher")
        client.will_set(availability_topic(address.prefix), OFFLINE, AT_LEAST_ONCE, retain=True)
        if address.user:
            client.username_pw_set(address.user, address.password)
        if address.is_encrypted:
            client.tls_set(ca_certs=str(address.ca) if address.ca else None)
        client.reconnect_delay_set(MIN_PAUSE, MAX_PAUSE)
        client.on_connect = self._connected
        client.on_connect_fail = self._not_connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        return client

    def run(self) -> None:
        """Publish until `stop` is called; then say that nobody publishes any more."""
        self._client.connect_async(self._address.host, self._address.port)
        self._client.loop_start()
        try:
            while not self._stopping.is_set():
                if self._client.is_connected():
                    self._publish_changes()
                self._woken.wait(READ_SECONDS)
                self._woken.clear()
        finally:
            self._say(OFFLINE)
            self._client.disconnect()
            self._client.loop_stop()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def _publish_changes(self) -> None:
        try:
            wanted = self._read(self._address.prefix)
        except Error as error:
            log.error("the database is not working (%s): subscribers are told so", error)
            self._say(OFFLINE)
            return
        known = dict(self._published)
        # An empty payload removes what is retained: these scale sets are gone.
        for topic, payload in {**dict.fromkeys(known.keys() - wanted.keys(), ""), **wanted}.items():
            if known.get(topic) != payload:
                self._publish(topic, payload)
        self._say(ONLINE)

    def _publish(self, topic: str, payload: str) -> None:
        if self._client.publish(topic, payload, AT_LEAST_ONCE, retain=True).rc != mqtt.MQTT_ERR_SUCCESS:
            return
        if payload:
            self._published[topic] = payload
        else:
            self._published.pop(topic, None)

    def _say(self, availability: str) -> None:
        """Publish whether we are there, where that differs from what we said before."""
        if self._is_online == (availability == ONLINE) or not self._client.is_connected():
            return
        sent = self._client.publish(availability_topic(self._address.prefix), availability, AT_LEAST_ONCE, retain=True)
        if availability == OFFLINE and self._stopping.is_set():
            sent.wait_for_publish(END_SECONDS)
        self._is_online = availability == ONLINE

    # --- called by paho, in its thread ---

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.error("the MQTT broker at %s:%s refuses us: %s", self._address.host, self._address.port, reason)
            return
        log.info("connected to the MQTT broker at %s:%s", self._address.host, self._address.port)
        self._published, self._is_online = {}, False
        # What an earlier run has published comes back, so that what is gone by now can be removed.
        client.subscribe([(pattern, AT_LEAST_ONCE) for pattern in patterns(self._address.prefix)])
        self._woken.set()

    def _not_connected(self, client: Any, userdata: Any) -> None:
        log.warning("the MQTT broker at %s:%s cannot be reached; tried again", self._address.host, self._address.port)

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not self._stopping.is_set():
            log.warning("the MQTT broker is away (%s); connecting again", reason)

    def _received(self, client: Any, userdata: Any, message: Any) -> None:
        if message.retain:
            self._published[message.topic] = message.payload.decode(errors="replace")
