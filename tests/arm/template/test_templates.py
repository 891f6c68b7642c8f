"""Templates as a whole: parameters, variables, loops, conditions, dependencies and outputs."""

from typing import Any

import pytest

from tests.arm.template.deployments import DOCUMENTS, GROUP, NETWORK, deployed, document, network, refused
from upgrades.arm.template.errors import TemplateError

NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.json"))
GIVEN = {"string": "web", "securestring": "a secret that nobody sees", "int": 3}


def wanted_values(template: dict[str, Any]) -> dict[str, Any]:
    return {
        name: each["allowedValues"][0] if "allowedValues" in each else GIVEN[each["type"].lower()]
        for name, each in template["parameters"].items()
        if "defaultValue" not in each
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_template_of_azure_is_computed_whole(name: str) -> None:
    template = document(name)
    found = deployed(template, **wanted_values(template))
    bodies = [resource.body(found.scope) for resource in found.resources]
    assert len(bodies) == len(template["resources"])
    assert "[" not in "".join(str(body["name"]) for body in bodies)
    scale_set = found.resources[-1]
    assert scale_set.type == "Microsoft.Compute/virtualMachineScaleSets"
    assert scale_set.id == f"{GROUP}/providers/{scale_set.type}/{scale_set.name}"
    assert {resource.id for resource in found.resources if resource.name.endswith("lb")} <= set(scale_set.depends_on)


def test_the_template_of_the_document_makes_a_scale_set_that_is_upgraded() -> None:
    template = document("vmss-autoupdate-2018-09-25")
    found = deployed(template, vmssNamePrefix="Web", instanceCount=5, adminUsername="ada", adminPassword="secret")
    body = found.resources[-1].body(found.scope)
    assert body["sku"]["capacity"] == 5 and body["location"] == "westeurope"
    profile = body["properties"]["virtualMachineProfile"]
    assert profile["networkProfile"]["healthProbe"]["id"] == (
        f"{GROUP}/providers/Microsoft.Network/loadBalancers/weblb/probes/sshProbe"
    )
    assert "secret" not in str(found.values()) and found.values()["instanceCount"] == {"type": "Int", "value": 5}


PARAMETERS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"a": {"type": "string"}}, {}, "parameters.a: a value is needed for 'a'"),
    ({"a": {"type": "string"}}, {"a": "x", "b": 1}, "the template has no parameter 'b'; it has: a"),
    ({"a": {"type": "int"}}, {"a": "5"}, "the parameter 'a' must be int, not string"),
    ({"a": {"type": "int"}}, {"a": True}, "the parameter 'a' must be int, not bool"),
    ({"a": {"type": "string", "maxLength": 2}}, {"a": "xyz"}, "is too large: its length must be at most 2"),
    ({"a": {"type": "int", "minValue": 2}}, {"a": 1}, "is too small: its value must be at least 2"),
    ({"a": {"type": "string", "allowedValues": ["x"]}}, {"a": "y"}, 'The value "y" is not among them. They are: "x"'),
    ({"a": {"type": "text"}}, {"a": "y"}, "the type must be one of string, securestring"),
    ({"a": {"$ref": "#/definitions/none"}}, {"a": "y"}, "there is no definition '#/definitions/none'"),
    ({"a": {"type": "int", "defaultValue": "[add(1, 1)]", "maxValue": 1}}, {}, "its value must be at most 1"),
]


@pytest.mark.parametrize("declared, given, said", PARAMETERS)
def test_a_parameter_that_does_not_fit_is_refused(declared: dict[str, Any], given: dict[str, Any], said: str) -> None:
    assert said in refused({"parameters": declared}, **given)


def test_no_message_says_a_secret() -> None:
    declared = {"a": {"type": "secureString", "allowedValues": ["x"], "maxLength": 3}}
    assert "hunter2" not in refused({"parameters": declared}, a="hunter2")


def test_names_of_parameters_and_variables_have_any_case() -> None:
    found = deployed(
        {
            "parameters": {
                "Size": {"type": "INT"},
                "twice": {"type": "int", "defaultValue": "[mul(parameters('SIZE'), 2)]"},
            },
            "variables": {"Name": "[concat('net', parameters('TWICE'))]"},
            "resources": [network("[VARIABLES('name')]")],
        },
        sIZE=2,
    )
    assert found.resources[0].name == "net4"


def test_loops_make_variables_properties_and_resources() -> None:
    found = deployed(
        {
            "variables": {
                "copy": [{"name": "names", "count": 2, "input": "[concat('n', copyIndex('names', 1))]"}],
                "inner": {
                    "copy": [
                        {"name": "squares", "count": 3, "input": "[mul(copyIndex('squares'), copyIndex('squares'))]"}
                    ]
                },
            },
            "resources": [
                network(
                    "[variables('names')[copyIndex()]]",
                    copy={"name": "nets", "count": "[length(variables('names'))]"},
                    properties={
                        "copy": [
                            {
                                "name": "subnets",
                                "count": 2,
                                "input": "[format('{0}-{1}', copyIndex('nets'), copyIndex('subnets'))]",
                            }
                        ],
                        "squares": "[variables('inner').squares]",
                    },
                ),
                network("last", dependsOn=["nets"]),
            ],
        }
    )
    assert [resource.name for resource in found.resources] == ["n1", "n2", "last"]
    assert found.resources[1].body(found.scope)["properties"] == {"subnets": ["1-0", "1-1"], "squares": [0, 1, 4]}
    assert len(found.resources[2].depends_on) == 2


def test_resources_follow_their_dependencies() -> None:
    by_id = f"[resourceId('{NETWORK}/', 'b')]"
    asks = {"tags": {"of": f"[reference(resourceId('{NETWORK}', 'd')).name]"}}
    found = deployed(
        {
            "resources": [
                network("a", dependsOn=[by_id, f"{NETWORK}/c"]),
                network("b", dependsOn=["c"]),
                network("c", **asks),
                network("d", resources=[{"type": "subnets", "apiVersion": "x", "name": "s"}]),
            ]
        }
    )
    assert [resource.name for resource in found.resources] == ["d", "c", "d/s", "b", "a"]
    body = found.resources[1].body(found.scope, lambda name, _: {"name": name.rpartition("/")[2]})
    assert body["tags"] == {"of": "d"}
    with pytest.raises(TemplateError, match="only after the resource was deployed"):
        found.resources[1].body(found.scope)


def test_resources_with_symbolic_names_depend_on_these() -> None:
    found = deployed(
        {"languageVersion": "2.0", "resources": {"second": network("b", dependsOn=["firsts"]),
         "firsts": network("[string(copyIndex())]", copy={"name": "firsts", "count": 2})}}
    )  # fmt: skip
    assert [resource.name for resource in found.resources] == ["0", "1", "b"]


def test_a_resource_with_a_false_condition_is_not_wanted() -> None:
    found = deployed({"resources": [network("a", condition="[equals(1, 2)]"), network("b", dependsOn=["a"])]})
    assert [resource.is_wanted for resource in found.resources] == [False, True]


RESOURCES: list[tuple[list[dict[str, Any]], str]] = [
    ([network("a", dependsOn=["b"]), network("b", dependsOn=["a"])], "these resources depend on each other: a, b"),
    ([network("a", dependsOn=["z"])], "resources[0].dependsOn[0]: 'z' is not in the template"),
    (
        [network("a"), network("A")],
        "resources[1]: Microsoft.Network/virtualNetworks 'A' is there already, as resources[0]",
    ),
    ([network("[nothing()]")], "resources[0].name: there is no function 'nothing'"),
    ([network("a/b")], "resources[0].name: the name: Microsoft.Network/virtualNetworks needs 1 names, not 2"),
    ([network("a", copy={"name": "n", "count": 801})], "the count of a copy loop must be 0 to 800, not 801"),
    ([network("[newGuid()]")], "newGuid has a meaning only in the default value of a parameter"),
    ([network("[copyIndex()]")], "copyIndex has a meaning only within a copy loop"),
    ([network("[listKeys('a', 'b')]")], "the function listKeys is not offered here"),
    ([{"type": NETWORK, "name": "a"}], "resources[0].apiVersion: must be a string that is not empty, not null"),
]


@pytest.mark.parametrize("resources, said", RESOURCES)
def test_undeployable_resources_are_refused(resources: list[dict[str, Any]], said: str) -> None:
    assert said in refused({"resources": resources})


def test_outputs_are_computed_at_the_end() -> None:
    found = deployed(
        {
            "parameters": {"when": {"type": "string", "defaultValue": "[utcNow('yyyy-MM-dd')]"}},
            "functions": [
                {"namespace": "my", "members": {"joined": {"parameters": [{"name": "a", "type": "string"}],
                 "output": {"type": "string", "value": "[concat(parameters('a'), '!')]"}}}}
            ],
            "outputs": {
                "address": {"type": "string", "value": "[reference('a').address]"},
                "when": {"type": "string", "value": "[my.joined(parameters('when'))]"},
                "hidden": {"type": "secureString", "value": "secret"},
                "left out": {"type": "int", "condition": "[false()]", "value": 1},
                "many": {"type": "array", "copy": {"count": 2, "input": "[copyIndex()]"}},
            },
        }
    )  # fmt: skip
    assert found.outputs(lambda name, _: {"address": f"of {name}"}) == {
        "address": {"type": "string", "value": "of a"},
        "when": {"type": "string", "value": "2018-09-25!"},
        "hidden": {"type": "secureString"},
        "many": {"type": "array", "value": [0, 1]},
    }
