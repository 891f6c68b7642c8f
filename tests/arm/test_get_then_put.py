"""What came back is put again: nothing changes, whatever valid document it began with, and however a client spells it."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.arm.client import Api, Json, group, load_balancer, scale_set
from tests.stories import NOW, document, everything_stored, health_extension
from upgrades.arm.merge import READ_ONLY, differences, without_read_only
from upgrades.commands.errors import Refused
from upgrades.commands.scale_sets import set_model
from upgrades.core import azure_types, documents, secrets
from upgrades.core.json_fields import BadDocument, check_json
from upgrades.core.secrets import name_of
from upgrades.models import ScaleSet, sealing

pytestmark = pytest.mark.django_db
QUICK = settings(
    max_examples=40,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # what fails is small already
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STRANGE: tuple[Any, ...] = (
    *(None, True, "true", "3", "", 0, 1.5, 1e300, -0.0, 10**30, [], {}, [None, {"A": None}], {"a": {"B": "c"}}),
    *(
        [{"name": "x", "Y": 1}, {"name": "X"}],
        [{"name": "n", "customData": "c2VjcmV0"}, 7],
        [["adminPassword"], "ü 😀"],
    ),
)
# What a client may set to null that a resource has, by where; around the switches nothing else is taken.
NULLS: dict[str, dict[str, None]] = {
    "": {"etag": None},
    "properties": {"provisioningState": None},
    "sku": {"tier": None},
    "upgradepolicy": {"rollingUpgradePolicy": None},
    "automaticosupgradepolicy": {"useRollingUpgradePolicy": None},
    "rollingupgradepolicy": {"maxSurge": None},
    "imagereference": {"id": None},
    "probes": {"id": None},
}
NAMES = (
    "fromTheFuture",
    "Capacity",
    "port",
    "name",
    "properties",
    "ünknown",
    "a.b",
    "",
    "plan",
    "zones2",
    "adminPassword",
)


def a_scale_sets_document() -> Json:
    first = {"name": "one", "properties": {"publisher": "p", "type": "t", "protectedSettings": {"key": "hunter2"}}}
    two = {"name": "two", "properties": {"publisher": "p", "type": "u", "settings": {"Port": "80", "on": "true"}}}
    body = document(
        location="West Europe",
        rolling={"maxBatchInstancePercent": 30, "pauseTimeBetweenBatches": "PT5S"},
        tags={"Owner": "ada", "owner2": "3"},
        extensions=[health_extension(), first, two],
        os_profile={"adminPassword": "hunter2", "secrets": [], "linuxConfiguration": {"ssh": {"publicKeys": []}}},
    )
    profile = body["properties"]["virtualMachineProfile"]
    profile["storageProfile"]["dataDisks"] = [{"lun": 0, "diskSizeGB": 10}, {"lun": 1, "caching": "None"}]
    card = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [{"name": "a"}, {"name": "b"}]}}
    profile["networkProfile"] = {"networkInterfaceConfigurations": [card, {"name": "nic2"}]}
    return {**body, "zones": ["1", "2"], "identity": {"type": "SystemAssigned"}}


def a_load_balancers_document() -> Json:
    http = {"protocol": "Http", "port": 80, "requestPath": "/", "intervalInSeconds": 5}
    probes = [{"name": "p", "properties": http}, {"name": "q", "properties": {"protocol": "tcp", "port": "22"}}]
    rule = {"name": "r", "properties": {"frontendPort": 80, "backendPort": 80, "enableFloatingIP": False}}
    pools = [{"name": "one"}, {"name": "two"}]
    lists = {"probes": probes, "loadBalancingRules": [rule], "backendAddressPools": pools}
    return {"location": "West Europe", "sku": {"name": "Standard"}, "tags": {"a": "b"}, "properties": lists}


def a_groups_document() -> Json:
    return {"location": "West Europe", "tags": {"a": "b"}, "managedBy": "me", "properties": {"x": {"y": [1]}}}


KINDS = {
    "scale set": (scale_set(), a_scale_sets_document),
    "load balancer": (load_balancer(), a_load_balancers_document),
    "group": (group("other"), a_groups_document),
}


# What is in these is the client's own.
FREE = frozenset({"tags", "settings", "protectedsettings", "additionalcapabilities"})


def names_of_type(*types: str) -> frozenset[str]:
    """Members that are of these types wherever they stand."""
    data = json.loads(Path(azure_types.__file__).with_name("types.json").read_text("utf-8"))
    found: dict[str, set[str]] = {}
    for known in data["types"].values():
        for name, entry in known.items():
            found.setdefault(name.lower(), set()).add(entry[0])
    return frozenset(name for name, its in found.items() if its <= set(types))


SWITCH_NAMES, NUMBER_NAMES = names_of_type("switch"), names_of_type("whole", "number")


# --- what is done to documents ----------------------------------------------------------------------------------------


def objects_in(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for inner in inside:
        yield from objects_in(inner)


def lists_in(body: Json) -> list[list[Any]]:
    return [value for json_object in objects_in(body) for value in json_object.values() if isinstance(value, list)]


def in_another_case(name: str, random: Random) -> str:
    return random.choice([name.upper(), name.lower(), name.swapcase(), name[:1].swapcase() + name[1:]])


def an_unknown_member(body: Json, random: Random) -> None:
    random.choice(list(objects_in(body)))[random.choice(NAMES)] = copy.deepcopy(random.choice(STRANGE))


def a_null(body: Json, random: Random) -> None:
    inner = random.choice(list(objects_in(body)))
    inner[random.choice([*inner, "plan"])] = None


def another_case(body: Json, random: Random) -> None:
    inner = random.choice([inner for inner in objects_in(body) if inner])
    name = random.choice(list(inner))
    inner[in_another_case(name, random)] = inner.pop(name)


def a_second_spelling(body: Json, random: Random) -> None:
    inner = random.choice([inner for inner in objects_in(body) if inner])
    name = random.choice(list(inner))
    inner[in_another_case(name, random)] = copy.deepcopy(random.choice([inner[name], None, *STRANGE]))


def texts_for_numbers(body: Json, random: Random) -> None:
    for inner in objects_in(body):
        for name, value in inner.items():
            if isinstance(value, bool | int) and random.random() < 0.5:
                inner[name] = str(value)


def another_order(body: Json, random: Random) -> None:
    found = lists_in(body)
    if found:
        random.shuffle(random.choice(found))


CHANGES: tuple[Callable[[Json, Random], None], ...] = (
    an_unknown_member,
    a_null,
    another_case,
    a_second_spelling,
    texts_for_numbers,
    another_order,
)


def changed(body: Json, random: Random) -> Json:
    after = copy.deepcopy(body)
    for _ in range(random.randint(1, 6)):
        random.choice(CHANGES)(after, random)
    return after


def respelled(value: Any, random: Random, name: str = "") -> Any:
    """The same for a client that does not care for case, sends texts for numbers, and nulls for what it does not set."""
    if name.lower() in FREE:
        return value
    if isinstance(value, list):
        is_named = len({name_of(element) or "" for element in value} - {""}) == len(value)
        return [respelled(element, random, name) for element in value] if is_named else value
    if isinstance(value, dict):
        alone = [key for key in value if sum(key.lower() == other.lower() for other in value) == 1]
        cases = {key: in_another_case(key, random) if key in alone and key.isascii() else key for key in value}
        nulls = NULLS.get(name.lower(), {"licenseType": None})
        nulls = {null: None for null in nulls if null.lower() not in map(str.lower, value)}
        return {**{cases[key]: respelled(inner, random, key) for key, inner in value.items()}, **nulls}
    is_typed = name.lower() in (SWITCH_NAMES if isinstance(value, bool) else NUMBER_NAMES)
    return str(value) if is_typed and isinstance(value, bool | int) and abs(value) < 10**9 else value


def stored_before(path: str, body: Json) -> bool:
    """Whether it is a document that only today's rules refuse: then it is stored as if it came before them."""
    kept = without_read_only(body)
    try:
        check_json(kept)
        if path == scale_set():
            set_model("fleet/web", document(), NOW)
            public, found = secrets.split(kept)
            model = documents.read(public)
            columns = {"document": public, "sealed_secrets": sealing.seal(found), "capacity": model.capacity}
            return bool(ScaleSet.objects.update(**columns))
        return False
    except (BadDocument, Refused):
        return False


# --- what must hold ---------------------------------------------------------------------------------------------------


def derived() -> list[Json]:
    """All that is read out of documents, and the secrets."""
    kept = ("seq", "reconcile_at", "document", "sealed_secrets")
    rows = [{key: value for key, value in row.items() if key not in kept} for row in ScaleSet.objects.values()]
    return [*rows, *({"secrets": sealing.unseal(row.sealed_secrets)} for row in ScaleSet.objects.all())]


def shown(api: Api, path: str) -> Json:
    return {name: value for name, value in api.get(path).body.items() if name != "etag"}


def check(api: Api, path: str, body: Json, random: Random) -> None:
    made = api.put(path, body)
    is_older = made.status == 400
    if is_older:
        if not stored_before(path, body):
            return
        made = api.get(path)
    assert made.status < 300, made
    first, before = api.get(path), everything_stored()
    assert first.body == made.body
    again = api.put(path, first.body)
    assert again.status == 200 and "Azure-AsyncOperation" not in again.headers
    assert everything_stored() == before
    assert api.get(path).body == first.body
    columns, seen = derived(), shown(api, path)
    spelled = {key: value for key, value in seen.items() if key.lower() not in READ_ONLY}
    assert api.put(path, respelled(spelled, random)).status == 200
    assert is_older or derived() == columns
    assert not differences(seen, shown(api, path))


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(random=st.randoms(use_true_random=False))
def test_a_get_and_a_put_change_nothing(api: Api, kind: str, random: Random) -> None:
    path, make = KINDS[kind]
    with transaction.atomic():
        check(api, path, changed(make(), random), random)
        transaction.set_rollback(True)
