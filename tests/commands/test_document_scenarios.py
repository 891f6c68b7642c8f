"""What is answered to documents, as conversations in plain text: tests/scenarios/documents/*.txt."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stories import NOW, document, edited
from tests.transcripts import SCENARIOS, hold
from upgrades.commands.errors import Refused
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.scale_sets import set_model
from upgrades.models import Location

PROBE = "/subscriptions/s/resourceGroups/Fleet/providers/Microsoft.Network/loadBalancers/lb/probes/health"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", sorted((SCENARIOS / "documents").glob("*.txt")), ids=lambda path: path.stem)
def test_document_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    put_load_balancer("fleet/lb", _balancer({"protocol": "Http"}), NOW)
    hold(path, lambda lines: [said for line in lines for said in _command(line)], request)


def _command(line: str) -> Iterator[str]:
    """`rules current`, or `rules document` (those of 2018); `balancer sku=Basic field=value ..`, with fields of its probe; `put
    probe=extension field=value ..`, with fields by their dotted paths."""
    word, *words = line.split()
    if word == "rules":
        Location.objects.update(rules=words[0])
        return
    options = dict(option.split("=", 1) for option in words)
    try:
        if word == "balancer":
            put_load_balancer("fleet/lb", _balancer(options), NOW)
            yield "put"
            return
        assert word == "put"
        done = set_model("fleet/web", _document(options), NOW + timedelta(minutes=1))
    except Refused as error:
        yield f"{error.code} {error.target}: {error.message}"
        return
    yield "created" if done.created else "changed" if done.changed else "unchanged"
    yield from (f"  warning: {warning}" for warning in done.warnings)


def _balancer(options: dict[str, str]) -> dict[str, Any]:
    sku = {"sku": {"name": options.pop("sku")}} if "sku" in options else {}
    settings = {"port": 8080, "requestPath": "/health", "intervalInSeconds": 15, **options}
    return {"location": "westeurope", **sku, "properties": {"probes": [{"name": "health", "properties": settings}]}}


def _document(options: dict[str, str]) -> dict[str, Any]:
    """Extensions are told by their names, each with those that it waits for: `extensions=agent,script:agent`."""
    source, automatic = options.pop("probe", "extension"), options.pop("automatic", "on") == "on"
    named = options.pop("extensions", "")
    body = document(
        automatic=automatic,
        extensions=[_extension(*spelled.split(":")) for spelled in named.split(",") if spelled],
        probe="/health" if source in ("extension", "both") else "",
        probe_id=PROBE if source in ("load-balancer", "both") else "",
    )
    for path, value in options.items():
        body = edited(body, f"properties.{path}", _value(value))
    return body


def _extension(name: str, *after: str) -> dict[str, Any]:
    made = {
        "publisher": "p",
        "type": name.lower(),
        "typeHandlerVersion": "1.0",
        "provisionAfterExtensions": list(after),
    }
    return {"name": name, "properties": made}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
