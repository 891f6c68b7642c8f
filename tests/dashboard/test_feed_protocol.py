"""GET /feed/schema and /feed/asyncapi: made from the schema in docs/feed.md, open to anybody, and bearing what later versions may send."""

import asyncio
import json
import random
import re
from typing import Any

import jsonschema
import pytest
from django.test import Client
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from dashboard.environment import CHECKOUT
from tests.feed_client import printed_schema, validator
from tests.feed_documents import FOLDER, documents
from tests.stories import NOW
from upgrades.core.feed_version import VERSION
from upgrades.core.ranges import count_in
from upgrades.feed import frames

PAGE = (CHECKOUT / "docs" / "feed.md").read_text()


def test_the_documents_are_made_from_the_schema() -> None:
    for name, content in documents().items():
        assert (FOLDER / name).read_text() == content, "python -m tests.feed_documents"


def test_the_documents_are_open_without_a_token() -> None:
    for path, name in (("/feed/schema", "schema.json"), ("/feed/asyncapi", "asyncapi.json")):
        answer = Client().get(path)
        assert (answer.status_code, answer.content) == (200, (FOLDER / name).read_bytes())
        assert answer["Access-Control-Allow-Origin"] == "*"


def test_the_served_schema_bears_a_later_version() -> None:
    schema = json.loads(documents()["schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    served = jsonschema.Draft202012Validator(schema)
    heartbeat = json.loads(frames.heartbeat(3, {"fleet/web": "s.1"}, NOW))
    reset = json.loads(frames.reset("fleet/web", "s", 1, "new", NOW))
    for message in (heartbeat, reset):
        assert validator().is_valid(message)
        assert message["version"] == VERSION
        later = {**message, "more": {"of": "it"}}
        assert served.is_valid(later)
        assert not validator().is_valid(later)
    assert served.is_valid({**reset, "reason": "moved"})
    assert not served.is_valid({"type": "reset"})


def test_the_printed_schema_forbids_no_field_and_no_value_that_may_come() -> None:
    """Whoever makes types or a check of it is not broken by a later version."""
    words = json.dumps(printed_schema())
    assert '"enum"' not in words
    assert '"additionalProperties": false' not in words
    assert validator().schema != printed_schema()


def test_the_printed_count_of_a_set_of_instances_is_right() -> None:
    printed = _printed_program("def count")
    for text, number in (("", 0), ("7", 1), ("0-3,7", 5), ("10-12,20-20", 4)):
        assert printed["count"](text) == count_in(text) == number


def _printed_program(words: str) -> dict[str, Any]:
    """The names of the program in docs/feed.md that has these words."""
    (code,) = [
        block for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if words in block
    ]
    printed: dict[str, Any] = {"__name__": "printed"}
    exec(compile(code, "docs/feed.md", "exec"), printed)
    return printed


def test_the_printed_client_outlives_a_snapshot_that_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by a server that ends meanwhile: it connects again, and is told again to fetch. It says what an error says."""
    monkeypatch.setenv("TOKEN", "a")
    monkeypatch.setattr(random, "uniform", lambda *_: 0)
    state = {"stream": "s", "seq": 1, "scale_set": {}, "upgrade": None, "board": None, "instances": {}}
    whole = json.dumps(state).encode()
    length = {"Content-Length": str(len(whole))}
    answers: list[tuple[dict[str, str], bytes]] = [(length, whole[:-9]), ({}, whole[:-9]), (length, whole)]

    def snapshot(_: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/ws/"):
            return None
        headers, body = answers.pop(0)
        return Response(200, "OK", Headers(headers), body)

    async def feed(socket: ServerConnection) -> None:
        await socket.send(frames.error("Some", "something is said", NOW))
        await socket.send(frames.reset("fleet/web", "s", 1, "new", NOW))
        await socket.wait_closed()

    async def story() -> None:
        async with serve(feed, "127.0.0.1", 0, process_request=snapshot) as server, asyncio.timeout(20):
            port = next(iter(server.sockets)).getsockname()[1]
            monkeypatch.setenv("ROLLGRID", f"http://127.0.0.1:{port}")
            printed = _printed_program("async def follow")
            following = asyncio.create_task(printed["follow"]())
            while printed["copy"] != {"fleet/web": state}:
                await asyncio.sleep(0.01)
            following.cancel()

    asyncio.run(story())
    said = capsys.readouterr().out
    assert all(words in said for words in ("IncompleteRead", "JSONDecodeError", "something is said"))


def test_the_printed_fills_of_states_equal_the_fills_on_pages() -> None:
    code = (CHECKOUT / "static" / "js" / "faces.js").read_text().partition("STATES = {")[2].partition("};")[0]
    ours = {
        state: fill
        for state, fill in re.findall(r'^  "?([\w-]+)"?: \{.*?fill: "(\w+)"', code, re.M)
        if state != "unseen"
    }
    table = PAGE.partition("| fill | states |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [re.findall(r"`([\w-]+)`", row) for row in table.splitlines()]
    assert {state: fill for fill, *states in rows for state in states} == ours
    (states,) = re.findall(r'"states": \{.*?"examples": \[(.*?)\]', PAGE, re.DOTALL)
    assert set(json.loads(f"[{states}]")) == ours.keys()


def test_each_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads(documents()["asyncapi.json"])
    references = list(_references(document))
    assert len(references) > 50
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def _references(node: Any) -> Any:
    if isinstance(node, list):
        for inner in node:
            yield from _references(inner)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from _references(inner)
