"""Hostile templates: they are refused in bounded time and memory."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arm.template.deployments import deployed, network, refused
from upgrades.arm.template.functions.containers import contains, intersection, union
from upgrades.arm.template.values import compact, equal, weight


def nested(depth: int) -> Any:
    found: Any = "x"
    for _ in range(depth):
        found = {"a": found}
    return found


DOUBLED = "reduce(range(0, 60), 'x', lambda('a', 'b', createArray(lambdaVariables('a'), lambdaVariables('a'))))"
LONG = "padLeft('', 131072, 'x')"
MANY, X, B = "range(0, 9999)", "lambdaVariables('x')", "variables('b')"
TEXTS = f"map({MANY}, lambda('x', string({X})))"
EIGHT_HUNDRED = {"name": "a", "count": 800}


def of(expression: str, **variables: Any) -> dict[str, Any]:
    return {"variables": {**variables, "a": f"[{expression}]"}, "resources": [network("[string(variables('a'))]")]}


def loop(of: Any) -> dict[str, Any]:
    return {"copy": [{"name": "x", "count": 800, "input": of}]}


HOSTILE: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("depend on each other: variables.a -> variables.b -> variables.a",
     lambda: {"variables": {"a": "[variables('b')]", "b": "[variables('a')]"}, "resources": [network("[variables('a')]")]}),
    ("depend on each other", lambda: {"parameters": {"a": {"type": "string", "defaultValue": "[parameters('a')]"}}}),
    ("at most 800 resources", lambda: {"resources": [network("[string(copyIndex())]", copy={"name": "a", "count": 500}),
                                                     network("[concat('b', copyIndex())]", copy={"name": "b", "count": 500})]}),
    ("nested more than", lambda: {"variables": {"a": nested(200)}, "resources": [network("[string(variables('a'))]")]}),
    ("at most 131072 characters",
     lambda: {"variables": {f"v{i}": f"[concat(variables('v{i + 1}'), variables('v{i + 1}'))]" for i in range(40)} | {"v40": "xxxx"},
              "resources": [network("[variables('v0')]")]}),
    ("too large values",
     lambda: {"variables": {"a": "[map(range(0, 9999), lambda('x', range(0, 9999)))]"},
              "resources": [network("[string(variables('a'))]")]}),
    ("too large values",
     lambda: {"variables": {"a": "[reduce(range(0, 9999), createArray(), lambda('x', 'y', concat(lambdaVariables('x'), createArray(1))))]"},
              "resources": [network("[string(variables('a'))]")]}),
    ("steps", lambda: {"variables": {"a": "[map(range(0, 9999), lambda('x', add(add(add(add(add(add(1, 2), 3), 4), 5), 6), 7)))]",
                                     "b": "[map(range(0, 9999), lambda('x', add(add(add(add(add(add(1, 2), 3), 4), 5), 6), 7)))]"},
                       "resources": [network("[concat(variables('a')[0], variables('b')[0])]")]}),
    ("searches too large", lambda: of(f"equals({DOUBLED}, {DOUBLED})")),
    ("searches too large", lambda: of(f"map(createArray(1), lambda('x', equals({DOUBLED}, {DOUBLED})))")),
    ("searches too large", lambda: of(f"contains(createArray({DOUBLED}), {DOUBLED})")),
    ("searches too large", lambda: of(f"string({DOUBLED})")),
    ("too large values", lambda: of(DOUBLED)),
    ("at most 131072 characters", lambda: of(f"join(map(range(0, 20), lambda('x', {LONG})), {LONG})")),
    ("at most 131072 characters", lambda: of(f"format('{'{0}' * 500}', {LONG})")),
    ("at most 131072 characters", lambda: of(f"replace({LONG}, 'x', {LONG})")),
    ("at most 131072 characters", lambda: of(f"concat({', '.join([B] * 200)})", b=f"[{LONG}]")),
    ("searches too large", lambda: of(f"map({MANY}, lambda('x', max(variables('b'))))", b=f"[{MANY}]")),
    ("searches too large", lambda: of(f"map({MANY}, lambda('x', contains(variables('b'), 'x')))", b=f"[{MANY}]")),
    ("searches too large", lambda: of(f"map({MANY}, lambda('x', tryGet({B}, 'z')))", b=f"[toObject({TEXTS}, lambda('x', {X}))]")),
    ("at most 100 delimiters", lambda: of(f"split({LONG}, {TEXTS})")),
    ("parts of documents", lambda: {"resources": [network("[string(copyIndex())]", copy=EIGHT_HUNDRED, dependsOn=["a"] * 5_000)]}),
    ("parts of documents", lambda: {"variables": {"a": loop(loop(loop(1)))}, "resources": [network("[string(variables('a'))]")]}),
    ("depend on each other", lambda: {"resources": [network(str(n), dependsOn=[str((n + 1) % 800)]) for n in range(800)]}),
    ("nested at most 100 deep", lambda: of(f"json('{'[' * 400}{']' * 400}')")),
    ("column", lambda: of("a" + ".b" * 10_000)),
    ("at most 24576 characters", lambda: of("concat(" + "'a'," * 1_000_000 + "'b')")),
]  # fmt: skip


@pytest.mark.parametrize("said, template", HOSTILE)
def test_a_hostile_template_is_refused_within_bounds(said: str, template: Callable[[], dict[str, Any]]) -> None:
    written = template()
    started = time.process_time()
    assert said in refused(written)
    assert time.process_time() - started < 10, "bounded, however busy the machine is"


def test_a_hostile_template_takes_little_memory() -> None:
    """Of what would have some hundred megabytes."""
    written = of(f"join(map(range(0, 20), lambda('x', {LONG})), {LONG})")
    tracemalloc.start()
    try:
        refused(written)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_many_resources_that_wait_for_each_other_are_ordered_at_once() -> None:
    """Each waits for all that come after it in the template: 79,800 dependencies."""
    resources = [network(str(n), dependsOn=[str(other) for other in range(n + 1, 400)]) for n in range(400)]
    started = time.process_time()
    assert [each.name for each in deployed({"resources": resources}).resources] == [
        str(n) for n in reversed(range(400))
    ]
    assert time.process_time() - started < 10, "bounded, however busy the machine is"


@given(
    st.recursive(
        st.integers() | st.booleans() | st.none() | st.sampled_from("abAB"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abAB"), inner, max_size=2),
    )
)
def test_equal_values_are_found_once(value: Any) -> None:
    """The property that comparing, searching and uniting share one rule."""
    assert equal(value, value) and contains([0, [value], value], value)
    assert union([value, value]) == [value] == intersection([value], [value, 1])
    assert weight(value, 10**6) <= len(compact(value)) + 10
