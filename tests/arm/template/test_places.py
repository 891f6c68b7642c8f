"""Functions that ask what is around an expression: the place, the deployment, loops, resources; and who may not be asked."""

from dataclasses import replace
from typing import Any

import pytest

from tests.arm.template.deployments import GROUP, NETWORK, NOW, PLACE, deployed, network, refused
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.scope import Scope

WHOLE = replace(
    PLACE,
    tenant={"tenantId": "1111"},
    environment={"name": "Rollgrid"},
    location="westeurope",
    link={"uri": "https://example.com/t.json"},
    deployer={"objectId": "2222"},
    types={"Microsoft.Network": [{"resourceType": "virtualNetworks", "locations": [], "apiVersions": ["2017-04-01"]}]},
)


def answer(expression: str, **members: Any) -> Any:
    members = {"parameters": {}, "variables": {}, **members}
    return Scope(WHOLE, NOW, {}, **members).evaluation().text(f"[{expression}]")


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("resourceGroup().location", "westeurope"),
        ("subscription().subscriptionId", "0000"),
        ("tenant().tenantId", "1111"),
        ("environment().name", "Rollgrid"),
        ("deployer().objectId", "2222"),
        ("deployment().name", "first"),
        ("deployment().location", "westeurope"),
        ("deployment().properties.templateLink.uri", "https://example.com/t.json"),
        ("parameters('A')", 5),
        ("variables('v')", 6),
        ("copyIndex('loop', 1)", 3),
        ("copyIndex(1)", 3),
        ("pickZones('Microsoft.Compute', 'virtualMachines', 'westeurope', 2, 1)", ["2", "3"]),
        ("providers('microsoft.network', 'VirtualNetworks').apiVersions[0]", "2017-04-01"),
        (f"resourceId('{NETWORK}', 'n')", f"{GROUP}/providers/{NETWORK}/n"),
        (f"resourceId('other', '{NETWORK}', 'n')", f"/subscriptions/0000/resourceGroups/other/providers/{NETWORK}/n"),
        (f"subscriptionResourceId('{NETWORK}', 'n')", f"/subscriptions/0000/providers/{NETWORK}/n"),
        (f"extensionResourceId('/x', '{NETWORK}', 'n')", f"/x/providers/{NETWORK}/n"),
        (
            f"managementGroupResourceId('g', '{NETWORK}', 'n')",
            f"/providers/Microsoft.Management/managementGroups/g/providers/{NETWORK}/n",
        ),
    ],
)
def test_a_function_answers_of_its_place(expression: str, expected: Any) -> None:
    found = answer(expression, parameters={"a": 5}, variables={"V": "[add(parameters('a'), 1)]"}, copies={"loop": 2})
    assert found == expected


@pytest.mark.parametrize(
    "expression, said",
    [
        ("toLogicalZone('s', 'westeurope', 'x')", "no physical zones"),
        ("toLogicalZones('s', 'westeurope', createArray())", "no physical zones"),
        ("toPhysicalZone('s', 'westeurope', '1')", "no physical zones"),
        ("toPhysicalZones('s', 'westeurope', createArray())", "no physical zones"),
        ("externalInput('x')", "files of parameters"),
        ("managementGroup()", "no management groups"),
        ("getSecret('x')", "key vaults"),
        ("lambda('x', 1)", "stands only where"),
        ("utcNow()", "only in the default value"),
        ("newGuid()", "only in the default value"),
        ("references('x')", "no loop of resources"),
        ("resourceInfo('x')", "no resource has"),
    ],
)
def test_a_function_without_meaning_is_refused_by_name(expression: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        answer(expression)


def test_resources_with_symbolic_names_are_asked_by_these() -> None:
    found = deployed(
        {
            "languageVersion": "2.0",
            "resources": {
                "nets": network("[concat('n', copyIndex())]", copy={"name": "nets", "count": 2}),
                "there": {**network("old"), "existing": True, "resourceGroup": "other"},
                "last": network("last", tags={"first": "[references('nets')[0].name]"}),
            },
            "outputs": {
                "names": {"type": "array", "value": "[map(references('nets', 'full'), lambda('x', lambdaVariables('x').name))]"},
                "id": {"type": "string", "value": "[resourceInfo('there').id]"},
                "one": {"type": "string", "value": "[reference('nets[1]').name]"},
            },
        }
    )  # fmt: skip
    outputs = found.outputs(lambda name, _: {"name": name.rpartition("/")[2]})
    assert outputs["names"]["value"] == ["n0", "n1"] and outputs["one"]["value"] == "nets[1]"
    assert outputs["id"]["value"] == f"/subscriptions/0000/resourceGroups/other/providers/{NETWORK}/old"
    last = next(each for each in found.resources if each.name == "last")
    assert len(last.depends_on) == 2 and not next(each for each in found.resources if each.name == "old").is_wanted


def batches(**loop: Any) -> list[list[str]]:
    """Of each of five resources of a loop, which it waits for."""
    loop = {"name": "nets", "count": 5, **loop}
    found = deployed({"resources": [network("[string(copyIndex())]", copy=loop)]})
    by_name = {each.name: [id.rpartition("/")[2] for id in each.depends_on] for each in found.resources}
    return [by_name[str(index)] for index in range(5)]


def test_a_serial_loop_is_deployed_batch_by_batch() -> None:
    assert batches() == batches(mode="Parallel", batchSize=1) == [[]] * 5
    assert batches(mode="serial") == [[], ["0"], ["1"], ["2"], ["3"]]
    assert batches(mode="Serial", batchSize=2) == [[], [], ["0", "1"], ["0", "1"], ["2", "3"]]


@pytest.mark.parametrize("loop, said", [({"mode": "both"}, "serial or parallel"), ({"batchSize": 0}, "1 or more")])
def test_a_loop_says_how_it_is_deployed(loop: dict[str, Any], said: str) -> None:
    assert said in refused({"resources": [network("a", copy={"name": "n", "count": 1, **loop})]})


def test_resources_of_a_name_are_deployed_by_their_conditions() -> None:
    for conditions in ((True, False), (False, True)):
        resources = [network("a", condition=each, tags={"is": str(each)}) for each in conditions]
        wanted = [each for each in deployed({"resources": resources}).resources if each.is_wanted]
        assert [each.written["tags"] for each in wanted] == [{"is": "True"}]
