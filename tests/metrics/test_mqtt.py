"""What the MQTT publisher keeps on a real broker, Debian's Mosquitto: through restarts, outages and deletions."""

import gc
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from dashboard import environment
from dashboard.environment import BadEnvironment
from dashboard.supervisor import authority
from tests.metrics.mosquitto import PASSWORD, USER, Broker, Subscriber, running
from tests.metrics.test_scrape import a_reconciled_set
from tests.stories import NOW
from tests.waiting import wait_until
from upgrades.core.summary import SummarizedSet
from upgrades.models import ScaleSet
from upgrades.mqtt.messages import ENTITIES, messages_of
from upgrades.mqtt.publisher import Address, Publisher, read_messages

WEB, THERE = "rollgrid/fleet/web/state", "rollgrid/availability"


@pytest.fixture
def port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def broker(tmp_path: Path, port: int) -> Iterator[Broker]:
    with running(tmp_path, port) as started:
        yield started


def address(port: int, password: str = PASSWORD, scheme: str = "mqtt", ca: Path | None = None) -> Address:
    return Address.from_url(f"{scheme}://{USER}:{quote(password, safe='')}@127.0.0.1:{port}", ca)


@contextmanager
def publishing(to: Address, read: Callable[[str], dict[str, str]]) -> Iterator[Publisher]:
    publisher = Publisher(to, read)
    thread = threading.Thread(target=publisher.run)
    thread.start()
    try:
        yield publisher
    finally:
        publisher.stop()
        thread.join()


def test_changes_outages_and_deletions_reach_subscribers(broker: Broker) -> None:
    state = {WEB: "1", "rollgrid/fleet/old/state": "1"}
    with Subscriber(broker.port) as seen:
        with publishing(address(broker.port), lambda _: dict(state)) as publisher:
            seen.wait_for(THERE, "online")
            seen.wait_for(WEB, "1")
            state[WEB] = "2"
            seen.wait_for(WEB, "2")
            del state["rollgrid/fleet/old/state"]
            seen.wait_for("rollgrid/fleet/old/state", None)
            # Cut off, the broker publishes the last will; the publisher comes back by itself.
            publisher._client.socket().shutdown(socket.SHUT_RDWR)
            wait_until(lambda: seen.said[THERE][-2:] == ["offline", "online"], what="offline, and online again")
            # A broker without a memory is told everything again.
            broker.stop()
            seen.said.clear()
            broker.start()
            seen.wait_for(WEB, "2", seconds=20)
            seen.wait_for(THERE, "online")
        seen.wait_for(THERE, "offline")
    with Subscriber(broker.port) as later:
        later.wait_for(WEB, "2")  # retained


def test_messages_of_scale_sets_are_removed_that_went_meanwhile(broker: Broker) -> None:
    with publishing(address(broker.port), lambda _: {WEB: "1"}), Subscriber(broker.port) as seen:
        seen.wait_for(WEB, "1")
    with publishing(address(broker.port), lambda _: {}), Subscriber(broker.port) as seen:
        seen.wait_for(THERE, "online")
        wait_until(lambda: seen.said.get(WEB, [""])[-1] == "", what="removed")
    with Subscriber(broker.port) as later:
        later.wait_for(THERE, "offline")
        assert WEB not in later.said


def test_an_outage_of_the_database_is_told(broker: Broker) -> None:
    is_away = threading.Event()

    def read(_: str) -> dict[str, str]:
        if is_away.is_set():
            raise OperationalError("away")
        return {WEB: "1"}

    with publishing(address(broker.port), read), Subscriber(broker.port) as seen:
        seen.wait_for(THERE, "online")
        is_away.set()
        seen.wait_for(THERE, "offline")
        is_away.clear()
        seen.wait_for(THERE, "online")
        assert seen.said[WEB] == ["1"]


def test_a_wrong_password_is_refused_and_in_no_log(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = address(broker.port, "a-wrong-password")
    with publishing(wrong, lambda _: {}):
        wait_until(lambda: "refuses us" in caplog.text, what="a line about it")
    assert "a-wrong-password" not in caplog.text + repr(wrong)


# paho leaves the socket of a refused handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_spoken_with_brokers_of_a_known_authority_only(
    tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tls").mkdir()
    authority.ensure(tmp_path / "tls", ["localhost", "127.0.0.1"], datetime.now(UTC))  # noqa: TID251  OpenSSL's clock
    files = (tmp_path / "tls" / "server.pem", tmp_path / "tls" / "server.key")
    with running(tmp_path, port, files):
        ours = address(port, scheme="mqtts", ca=tmp_path / "tls" / "ca.pem")
        with publishing(ours, lambda _: {}) as publisher:
            wait_until(publisher._client.is_connected, what="connected over TLS")
        caplog.clear()
        with publishing(address(port, scheme="mqtts"), lambda _: {}) as publisher:
            wait_until(lambda: "cannot be reached" in caplog.text, what="refused")
            assert not publisher._client.is_connected()
    gc.collect()


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_state_is_that_of_the_board() -> None:
    a_reconciled_set(instances=4)
    found = read_messages("rollgrid", NOW)
    row = ScaleSet.objects.select_related("board_row").get()
    state = json.loads(found[WEB])
    assert (state["total"], state["up_to_date"], state["unhealthy"]) == (
        4,
        row.board_row.body["counts"]["up_to_date"],
        0,
    )
    assert state["summary"] == row.decision["text"] and state["over_limit"] is False and state["upgrading"] is False
    assert len(found) == 1 + len(ENTITIES)


@pytest.mark.django_db
def test_discovery_is_complete() -> None:
    row = a_reconciled_set("web.front(1)", instances=2)
    found = messages_of("rollgrid", SummarizedSet(row.key, ScaleSet.objects.get().board_row.body, {}), NOW)
    discovery = {topic: json.loads(payload) for topic, payload in found.items() if topic.startswith("homeassistant/")}
    ids: set[str] = set()
    for topic, said in discovery.items():
        first, component, node, name, last = topic.split("/")
        assert (first, component in ("sensor", "binary_sensor"), node, last) == (
            "homeassistant",
            True,
            "rollgrid",
            "config",
        )
        assert name.replace("_", "").replace("-", "").isalnum()
        assert said["state_topic"] in found and said["availability_topic"] == THERE
        ids.add(said["unique_id"])
    assert len(ids) == len(ENTITIES)
    assert len({str(said["device"]) for said in discovery.values()}) == 1


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["http://host", "mqtt://", "mqtt://host/a/b", "mqtt://host/a?b=c", "mqtts://me:secret@h/+"]
)
def test_an_address_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_MQTT_URL", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_MQTT_URL") as raised:
        environment.check()
    assert "secret" not in str(raised.value)


def test_ports_and_prefix_of_an_address() -> None:
    assert Address.from_url("mqtts://h/site-2", None) == Address("h", 8883, True, "site-2")
    assert Address.from_url("mqtt://u:a%40b@h:99", None) == Address("h", 99, False, "rollgrid", "u", "a@b")


def test_the_publisher_needs_an_address(settings: Any) -> None:
    settings.MQTT_URL = ""
    with pytest.raises(CommandError, match="ROLLGRID_MQTT_URL is not set"):
        call_command("mqtt_publisher")
