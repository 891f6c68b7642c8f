"""What is published of a scale set: topics and payloads. It is all retained, so that whoever subscribes has it at once. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.core.summary import SummarizedSet, table_row

ONLINE, OFFLINE = "online", "offline"
HOME_ASSISTANT = "homeassistant"  # its discovery prefix, unless it was changed there
MAX_STATE = 255  # characters of a state in Home Assistant


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing that Home Assistant shows of a scale set. `more`: what else its discovery says."""

    component: str
    name: str
    title: str
    value: str
    more: Mapping[str, str]


ENTITIES = (
    Entity("sensor", "summary", "Summary", "{{ value_json.summary }}", {"icon": "mdi:text"}),
    Entity("sensor", "progress", "Up to date", "{{ value_json.percent }}", {"unit_of_measurement": "%"}),
    Entity("sensor", "unhealthy", "Unhealthy", "{{ value_json.unhealthy }}", {"icon": "mdi:heart-broken"}),
    Entity("sensor", "reason", "Waits because of", "{{ value_json.reason }}", {"icon": "mdi:timer-sand"}),
    Entity(
        "binary_sensor",
        "over_limit",
        "Too many unhealthy",
        "{{ 'ON' if value_json.over_limit else 'OFF' }}",
        {"device_class": "problem"},
    ),
    Entity(
        "binary_sensor",
        "needs_a_person",
        "Needs a person",
        "{{ 'ON' if value_json.needs_a_person else 'OFF' }}",
        {"device_class": "problem"},
    ),
    Entity(
        "binary_sensor",
        "upgrading",
        "Upgrade runs",
        "{{ 'ON' if value_json.upgrading else 'OFF' }}",
        {"device_class": "running"},
    ),
)


def availability_topic(prefix: str) -> str:
    return f"{prefix}/availability"


def state_topic(prefix: str, key: str) -> str:
    return f"{prefix}/{key}/state"


def patterns(prefix: str) -> list[str]:
    """The topics that messages of this prefix can have: what an earlier run has published is found by them."""
    return [state_topic(prefix, "+/+"), f"{HOME_ASSISTANT}/+/{_word(prefix)}/+/config"]


def messages_of(prefix: str, row: SummarizedSet, now: datetime) -> dict[str, str]:
    """{topic: payload} of one scale set: its state, and the discovery of its entities."""
    found = {state_topic(prefix, row.key): json.dumps(state_of(row, now))}
    for entity in ENTITIES:
        name = f"{_word(row.key)}_{entity.name}"
        topic = f"{HOME_ASSISTANT}/{entity.component}/{_word(prefix)}/{name}/config"
        found[topic] = json.dumps(_discovery(prefix, row.key, entity, name))
    return found


def state_of(row: SummarizedSet, now: datetime) -> dict[str, Any]:
    """The state of a scale set: its row of /feed/table, with what was decided last in a sentence."""
    text = str((row.decision or {}).get("text", ""))[:MAX_STATE]
    is_over = bool(row.board and row.board["unhealthy"]["over"])
    return {"summary": text, "over_limit": is_over, **table_row(row, now)}


def _discovery(prefix: str, key: str, entity: Entity, name: str) -> dict[str, Any]:
    device = f"{_word(prefix)}_{_word(key)}"
    return {
        "name": entity.title,
        "unique_id": f"{_word(prefix)}_{name}",
        "state_topic": state_topic(prefix, key),
        "value_template": entity.value,
        "availability_topic": availability_topic(prefix),
        "device": {"identifiers": [device], "name": key, "manufacturer": "Rollgrid", "model": "Scale set"},
        **entity.more,
    }


def _word(text: str) -> str:
    """The text in letters, digits, - and _ only, as Home Assistant wants ids; where that loses anything, with a mark of the whole."""
    word = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return word if word == text else f"{word}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
