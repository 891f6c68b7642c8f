"""Templates that Azure's own pages and tools have, deployed unchanged."""

import json
from pathlib import Path

import pytest

from tests.arm.client import Api, scale_set
from tests.arm.deployments.templates import PASSWORD, all_are_up, body, deploy, deployment, state
from tests.arm.template.deployments import document
from tests.arm.template.test_templates import NAMES
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db
AZ_VMSS_CREATE = Path(__file__).parent / "documents" / "az_vmss_create.json"
# Values of parameters, by their names in lower case.
GIVEN = {
    "vmssnameprefix": "web",
    "vmssname": "web",
    "instancecount": 3,
    "adminusername": "ada",
    "adminpassword": PASSWORD,
    "zone": "1",
}


def deploys(api: Api, name: str) -> ScaleSet:
    """Deploys one of the saved templates, and answers its scale set."""
    template = document(name)
    needed = [each for each, declared in template["parameters"].items() if "defaultValue" not in declared]
    begun = api.put(deployment(), body(template, **{each: GIVEN[each.lower()] for each in needed}))
    assert begun.status == 201, begun
    said = api.get(deployment())
    assert state(said) == "Running", said
    all_are_up()
    assert state(api.get(deployment())) == "Succeeded"
    return ScaleSet.objects.get(name="web")


def test_s58_the_template_of_the_document_deploys_unchanged_and_upgrades_are_on(fleet: Api) -> None:
    row = deploys(fleet, "vmss-autoupdate-2018-09-25")
    policy = fleet.get(scale_set())["properties"]["upgradePolicy"]
    assert policy["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert row.automatic_upgrade and row.capacity == 3 and row.probe_port == 22


@pytest.mark.parametrize("name", NAMES)
def test_s60_the_saved_templates_deploy_unchanged(fleet: Api, name: str) -> None:
    assert deploys(fleet, name).capacity == 3


def test_the_template_of_az_vmss_create_deploys(fleet: Api) -> None:
    """As Azure CLI 2.91.0 makes it of `az vmss create --lb-sku Standard --upgrade-policy-mode Manual ...`."""
    template = json.loads(AZ_VMSS_CREATE.read_text().replace("SUBSCRIPTION", fleet.subscription))
    given = {"adminPassword": PASSWORD}
    assert fleet.post(f"{deployment()}/validate", body(template, **given)).status == 200
    said = deploy(fleet, template, **given)
    assert said.status == 201, said
    fleet.get(deployment())
    all_are_up("made")
    said = fleet.get(deployment())
    assert state(said) == "Succeeded", said
    assert said["properties"]["outputs"]["vmss"]["value"]["orchestrationMode"] == "Uniform"
    assert PASSWORD not in str(said.body)
