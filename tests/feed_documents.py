"""Writes what the feed serves of its own protocol, made from the schema in docs/feed.md: `python -m tests.feed_documents`.

`schema.json` is that schema with a title: no field is forbidden, and listed values are examples, since others may come later. Tests hold
what this version sends against a narrower one (tests/feed_client.py). `asyncapi.json` describes the feed's channels in AsyncAPI 3.
"""

import json
from typing import Any

from dashboard.environment import CHECKOUT
from tests.feed_client import printed_schema
from upgrades.core.feed_version import VERSION

FOLDER = CHECKOUT / "dashboard" / "feed_documents"
FROM_SERVER = ("delta", "reset", "heartbeat", "error")
OVER_HTTP = ("snapshot", "heads", "refusal")
ABOUT = (
    "docs/feed.md explains all of it. Fields are only added: clients ignore those that they do not know, "
    "and bear unknown states and codes."
)


def served_schema() -> dict[str, Any]:
    schema: dict[str, Any] = printed_schema()
    return {
        "$schema": schema["$schema"],
        "title": f"Rollgrid's feed, version {VERSION}",
        "description": ABOUT,
        **schema,
    }


def _in_components(node: Any) -> Any:
    """The same in AsyncAPI's words, which are those of an older JSON Schema."""
    if isinstance(node, list):
        return [_in_components(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    shown = {("items" if name == "prefixItems" else name): _in_components(inner) for name, inner in node.items()}
    if isinstance(target := shown.get("$ref"), str):
        shown["$ref"] = target.replace("#/$defs/", "#/components/schemas/")
    return shown


def asyncapi() -> dict[str, Any]:
    schemas = {name: _in_components(schema) for name, schema in served_schema()["$defs"].items()}
    own = {
        "ack": {"type": "object", "required": ["ack"], "properties": {"ack": {"type": "integer"}}},
        "resume": {
            "type": "object",
            "required": ["type", "since"],
            "properties": {
                "type": {"const": "resume"},
                "since": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    }
    query = {"sets": "rg/name,...", "since": "rg/name:stream.seq,...", "token": "of a wallboard link"}
    socket_query = {
        "type": "object",
        "properties": {name: {"type": "string", "description": says} for name, says in query.items()},
    }
    messages = {
        name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
        for name in (*FROM_SERVER, *OVER_HTTP, *own)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Rollgrid's feed", "version": f"{VERSION}.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "sockets": _server("wss"),
            "streams": _server("https"),
        },
        "channels": {
            "feed": {
                "address": "/ws/feed/",
                "servers": [{"$ref": "#/servers/sockets"}],
                "messages": _refs((*FROM_SERVER, *own)),
                "bindings": {"ws": {"method": "GET", "query": socket_query, "bindingVersion": "0.1.0"}},
            },
            "events": {
                "address": "/feed/events",
                "description": "The same messages as server-sent events.",
                "servers": [{"$ref": "#/servers/streams"}],
                "messages": _refs(FROM_SERVER),
            },
            "snapshot": _answer("/feed/snapshot", "Everything visible of the scale set of `?set=rg/name`.", "snapshot"),
            "heads": _answer("/feed/heads", "The position of each scale set.", "heads"),
        },
        "operations": {
            "follow": _operation("receive", "feed", FROM_SERVER),
            "answer": _operation("send", "feed", tuple(own)),
            "followEvents": _operation("receive", "events", FROM_SERVER),
            "fetchSnapshot": _operation("receive", "snapshot", ("snapshot", "refusal")),
            "fetchHeads": _operation("receive", "heads", ("heads", "refusal")),
        },
        "components": {
            "messages": messages,
            "schemas": {**schemas, **own},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token of a wallboard link."},
                "tokenInQuery": {"type": "httpApiKey", "in": "query", "name": "token"},
                "session": {"type": "httpApiKey", "in": "cookie", "name": "sessionid"},
            },
        },
    }


def _server(protocol: str) -> dict[str, Any]:
    ways = [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("token", "tokenInQuery", "session")]
    host = {"default": "localhost:8443", "description": "Where Rollgrid is served, with the sub-path if it has one."}
    return {"host": "{host}", "protocol": protocol, "variables": {"host": host}, "security": ways}


def _answer(address: str, says: str, name: str) -> dict[str, Any]:
    """What GET of this address answers."""
    return {
        "address": address,
        "description": f"{says} Otherwise a refusal.",
        "servers": [{"$ref": "#/servers/streams"}],
        "messages": _refs((name, "refusal")),
    }


def _refs(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str, names: tuple[str, ...]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}


def documents() -> dict[str, str]:
    """{file name: content}."""
    made = {"schema.json": served_schema(), "asyncapi.json": asyncapi()}
    return {name: json.dumps(document, indent=1) + "\n" for name, document in made.items()}


if __name__ == "__main__":
    for name, content in documents().items():
        (FOLDER / name).write_text(content)
