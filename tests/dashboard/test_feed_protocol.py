"""GET /feed/schema and /feed/asyncapi: made from the schema in docs/feed.md, open to anybody, and bearing what later versions may send."""

import json
import re
from typing import Any

import jsonschema
from django.test import Client

from dashboard.environment import CHECKOUT
from tests.feed_client import printed_schema, validator
from tests.feed_documents import FOLDER, documents
from tests.stories import NOW
from upgrades.core.feed_version import VERSION
from upgrades.core.ranges import count_in
from upgrades.feed import frames


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
    blocks = re.findall(r"^```python\n(.*?)^```", (CHECKOUT / "docs" / "feed.md").read_text(), re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if block.startswith("def count")]
    printed: dict[str, Any] = {}
    exec(compile(code, "docs/feed.md", "exec"), printed)
    for text, number in (("", 0), ("7", 1), ("0-3,7", 5), ("10-12,20-20", 4)):
        assert printed["count"](text) == count_in(text) == number


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
