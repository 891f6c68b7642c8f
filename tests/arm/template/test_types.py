"""Types of a template's own: what values of parameters, arguments of functions and outputs must be like."""

from typing import Any

import pytest

from tests.arm.template.deployments import deployed, refused
from upgrades.arm.deployments.hidden_values import HiddenValues
from upgrades.arm.template.errors import TemplateError

DEFINITIONS: dict[str, Any] = {
    "port": {"type": "int", "minValue": 1, "maxValue": 65_535},
    "rule": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 2},
            "port": {"$ref": "#/definitions/port"},
            "kind": {"type": "string", "allowedValues": ["tcp", "udp"], "nullable": True},
            "rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}, "nullable": True},
        },
        "additionalProperties": False,
    },
    "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "int"}], "items": False},
    "words": {"type": "object", "additionalProperties": {"type": "string"}},
    "shape": {
        "type": "object",
        "discriminator": {
            "propertyName": "kind",
            "mapping": {
                "circle": {"type": "object", "properties": {"kind": {"type": "string"}, "radius": {"type": "int"}}},
                "line": {"$ref": "#/definitions/line"},
            },
        },
    },
    "line": {"type": "object", "properties": {"kind": {"type": "string"}, "length": {"type": "int"}}},
    "login": {"type": "object", "properties": {"name": {"type": "string"}, "password": {"type": "secureString"}}},
}


def of_type(name: str) -> dict[str, Any]:
    return {
        "languageVersion": "2.0",
        "definitions": DEFINITIONS,
        "parameters": {"a": {"$ref": f"#/definitions/{name}"}},
    }


@pytest.mark.parametrize(
    "name, value",
    [
        ("port", 80),
        ("rule", {"NAME": "web", "port": 1, "rules": [{"name": "in", "port": 2, "kind": "tcp"}]}),
        ("rule", {"name": "web", "port": 1, "kind": None}),
        ("pair", ["a", 1]),
        ("words", {"a": "b"}),
        ("shape", {"kind": "line", "length": 5}),
    ],
)
def test_a_value_of_its_type_is_taken(name: str, value: Any) -> None:
    assert deployed(of_type(name), a=value).values()["a"]["value"] == value


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("port", 0, "its value must be at least 1"),
        ("rule", {"port": 1}, "parameters.a: the property 'name' is missing"),
        ("rule", {"name": "w", "port": 1}, "parameters.a.name: is too small: its length must be at least 2"),
        ("rule", {"name": "web", "port": 70_000}, "parameters.a.port: is too large"),
        ("rule", {"name": "web", "port": 1, "kind": "x"}, 'parameters.a.kind: must be one of the allowed values: "tcp","udp"'),
        ("rule", {"name": "web", "port": 1, "more": 1}, "there must be no property 'more'"),
        ("rule", {"name": "web", "port": 1, "rules": [{"name": "in"}]}, "parameters.a.rules[0]: the property 'port' is missing"),
        ("pair", ["a"], "must have 2 elements, not 1"),
        ("pair", ["a", 1, 2], "must have 2 elements, not 3"),
        ("pair", [1, 1], "parameters.a[0]: must be string, not int"),
        ("words", {"a": 1}, "parameters.a.a: must be string, not int"),
        ("shape", {"kind": "square"}, "parameters.a.kind: the property 'kind' must be one of circle, line"),
        ("shape", {"kind": "circle"}, "the property 'radius' is missing"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_its_path(name: str, value: Any, said: str) -> None:
    assert said.replace('","', '", "') in refused(of_type(name), a=value)


def test_secrets_within_values_are_known() -> None:
    hidden = HiddenValues(of_type("login"), {"a": {"name": "ada", "password": "hunter2!"}})
    assert hidden.hide({"name": "ada", "said": "it is hunter2!"}) == {"name": "ada", "said": "it is ***"}
    assert HiddenValues({"parameters": {"a": 1}, "definitions": []}, {"a": "x"}).texts == set()


def test_functions_of_a_template_call_each_other_and_check_their_arguments() -> None:
    number, port = {"name": "n", "type": "int"}, {"name": "n", "$ref": "#/definitions/port"}
    members = {
        "twice": {"parameters": [number], "output": {"type": "int", "value": "[mul(parameters('n'), 2)]"}},
        "four": {"parameters": [port], "output": {"type": "int", "value": "[my.twice(my.twice(parameters('n')))]"}},
        "round": {"output": {"type": "int", "value": "[my.round()]"}},
    }

    def of(value: str) -> dict[str, Any]:
        outputs = {"a": {"$ref": "#/definitions/port", "value": f"[{value}]"}}
        functions = [{"namespace": "my", "members": members}]
        return {"languageVersion": "2.0", "definitions": DEFINITIONS, "functions": functions, "outputs": outputs}

    assert deployed(of("my.four(3)")).outputs(lambda *_: None)["a"] == {"type": "int", "value": 12}
    for value, said in (
        ("my.four(0)", "must be at least 1"),
        ("my.twice('x')", "must be int, not string"),
        ("my.round()", "nested too deep"),
        ("string(my.twice(1))", "the output 'a' must be int, not string"),
    ):
        with pytest.raises(TemplateError, match=said):
            deployed(of(value)).outputs(lambda *_: None)
