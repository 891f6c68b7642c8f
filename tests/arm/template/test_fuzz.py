"""Any template is read or refused with a message, never with another exception."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.arm.template.deployments import NOW, PLACE
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions import FUNCTIONS
from upgrades.arm.template.template import read

LITERALS = st.sampled_from(
    ["'a'", "'A/b'", "''", "0", "-1", "3", "null()", "true()", "createArray(1, 'a')", "createObject('a', 1)"]
)
NAMES = st.sampled_from(
    [*sorted(FUNCTIONS), "parameters", "variables", "copyIndex", "resourceId", "reference", "pickZones"]
)
CALLS = st.recursive(
    LITERALS,
    lambda inner: (
        st.builds(lambda name, values: f"{name}({', '.join(values)})", NAMES, st.lists(inner, max_size=4))
        | st.builds(lambda of, key: f"{of}[{key}]", inner, inner)
        | st.builds(lambda body: f"lambda('x', {body})", inner)
    ),
    max_leaves=12,
)
EXPRESSIONS = CALLS.map(lambda call: f"[{call}]")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | EXPRESSIONS | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "type", "copy", "count", "input", "condition", "dependsOn", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, JSON, JSON)
def test_any_template_is_read_or_refused(expression: str, variable: object, resource: object) -> None:
    template = {
        "contentVersion": "1",
        "parameters": {"a": {"type": "string", "defaultValue": "x"}},
        "variables": {"a": variable, "b": expression},
        "resources": [resource]
        if not isinstance(resource, dict)
        else [{"type": "A/b", "apiVersion": "1", "name": "n", **resource}],
        "outputs": {
            "a": {"type": "string", "value": "[string(variables('a'))]"},
            "b": {"type": "string", "value": "[variables('b')]"},
        },
    }
    try:
        found = read(template, {}, PLACE, NOW)
        for each in found.resources:
            json.dumps(each.body(found.scope))
        json.dumps(found.outputs(lambda *_: {"a": 1}))
    except TemplateError as error:
        assert error.message
