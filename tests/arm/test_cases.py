"""Requests that others got wrong answers to: tests/arm/cases/*.json, each a list of cases, each a conversation.

A step says what is asked (`do`: "PUT V", where V is the scale set's path and B a load balancer's) with a whole `document`, `with` fields
laid over `base.json`, or a `body`; and what must come of it: `status` (200 or 201 where it says nothing), `code`, `words` in the message or
in the whole answer, `has` (fields of the answer), `warns` (words of the Warning header). A case that is refused must change nothing.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.arm.client import Api, Json, Said, load_balancer, scale_set
from tests.arm.networks import store
from tests.stories import NOW, document, nothing_changes, publish
from upgrades.models import Location, ScaleSet, sealing

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parent / "cases"
BASE = json.loads((CASES / "base.json").read_text())
# What cases refer to.
REFERRED = (
    "g/providers/Microsoft.KeyVault/vaults/v",
    "g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a",
)
FILES = sorted(path for path in CASES.glob("*.json") if path.name != "base.json")
ALL = [(path.stem, case) for path in FILES for case in json.loads(path.read_text())]


@pytest.mark.parametrize(
    ("kind", "case"), [pytest.param(kind, case, id=f"{kind}: {case['case']}") for kind, case in ALL]
)
def test_case(api: Api, tmp_path: Path, kind: str, case: Json) -> None:
    _its_world(api, case)
    for step in case["steps"]:
        if step.get("status", 200) >= 400:
            with nothing_changes():
                said = _done(api, step, tmp_path)
        else:
            said = _done(api, step, tmp_path)
        _judge(said, step)


def _its_world(api: Api, case: Json) -> None:
    if case.get("rules"):
        Location.objects.update(rules=case["rules"])
    for path in REFERRED:
        if path in json.dumps(case):
            store(path.replace("/providers", ""))


def _done(api: Api, step: Json, folder: Path) -> Said:
    verb, _, path = step["do"].partition(" ")
    body = _with_paths(api, _body(step))
    if verb == "put_scale_set":
        return _put_by_command(body, folder)
    if verb == "secrets":
        kept = sealing.unseal(ScaleSet.objects.get().sealed_secrets)
        return Said(200, {str(place): str(value) for place, value in kept.items()}, {})
    if verb == "publish":
        publish("16.04.999999999")
        return Said(200, {}, {})
    address = path.replace("V", scale_set(), 1) if path.startswith("V") else path.replace("B", load_balancer(), 1)
    version = step.get("api_version", "2024-11-01")
    return api(verb, f"{address}?api-version={version}", body)


def _put_by_command(body: Any, folder: Path) -> Said:
    file = folder / "document.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    try:
        call_command("put_scale_set", "fleet/web", str(file))
    except CommandError as error:
        code, _, message = str(error).partition(": ")
        return Said(400, {"error": {"code": code, "message": message}}, {})
    return Said(200, {}, {})


def _body(step: Json) -> Any:
    if "with" in step:
        return _laid_over(BASE, step["with"])
    return step.get("document", step.get("body"))


def _laid_over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{name: _laid_over(below.get(name), value) for name, value in above.items()}}


def _with_paths(api: Api, body: Any) -> Any:
    """ "B/probes/p" in a document is the probe's id."""
    if isinstance(body, dict):
        return {name: _with_paths(api, value) for name, value in body.items()}
    if isinstance(body, list):
        return [_with_paths(api, element) for element in body]
    is_path = isinstance(body, str) and body.startswith("B/")
    return f"/subscriptions/{api.subscription}{load_balancer()}{body[1:]}" if is_path else body


def _judge(said: Said, step: Json) -> None:
    wanted = [step["status"]] if "status" in step else [200, 201, 202]
    assert said.status in wanted, said
    if "code" in step:
        assert said.code == step["code"], said
    text = said.message if said.status >= 400 else json.dumps(said.body)
    for word in step.get("words", ()):
        assert word in text, (word, said)
    for word in step.get("not", ()):
        assert word not in json.dumps(said.body), (word, said)
    for word in step.get("warns", ()):
        assert word in said.headers.get("Warning", ""), (word, said)
    for path, value in step.get("has", {}).items():
        assert json.dumps(_at(said.body, path)) == json.dumps(value), (path, said)


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body[int(name)] if isinstance(body, list) else (body or {}).get(name)
    return body


def test_a_case_that_is_right_is_taken(api: Api) -> None:
    assert api.put(scale_set(), BASE).status == 201
    assert api.put(scale_set("other"), document()).status == 201
    assert ScaleSet.objects.filter(created_at=NOW).count() == 2
