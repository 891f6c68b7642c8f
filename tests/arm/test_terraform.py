"""What Terraform's azurerm provider asks for, request by request, and what it reads of the answers: a transcript of its login, and of the
life of a scale set under it.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.arm.client import Api
from tests.stories import document, without
from upgrades.models import ApiClient

pytestmark = pytest.mark.django_db
HERE = "http://testserver"
HEADERS = {"Accept": "application/json; charset=utf-8; IEEE754Compatible=false", "OData-MaxVersion": "4.0"}
GROUPS, SETS, BALANCERS = "2023-07-01", "2024-11-01", "2023-11-01"


@dataclass
class Terraform:
    """Knows the endpoint's address, the tenant, the subscription, and its own id and secret."""

    who: Api
    http: Client = field(default_factory=Client)
    token: str = ""

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        headers = {**HEADERS, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.http.generic(
            method, path.removeprefix(HERE), content, "application/json; charset=utf-8", headers=headers
        )
        assert answer.status_code == status, (method, path, answer.content)
        assert answer["Content-Type"].startswith("application/json") or not answer.content
        return json.loads(answer.content) if answer.content else dict(answer.headers)

    def login(self) -> dict[str, Any]:
        """By the client's secret. Answers the claims of the token, which it reads without verifying them."""
        cloud = self("GET", f"{HERE}/metadata/endpoints?api-version=2022-09-01")
        login, audience = cloud["authentication"]["loginEndpoint"], cloud["authentication"]["audiences"][0]
        form = {
            "client_id": str(self.who.client.pk),
            "client_secret": self.who.secret,
            "grant_type": "client_credentials",
            "scope": f"{audience}/.default",
        }
        address = f"{login}/{self.who.tenant}/oauth2/v2.0/token".removeprefix(HERE)
        answer = self.http.post(address, urlencode(form), "application/x-www-form-urlencoded", headers=HEADERS)
        assert answer.status_code == 200, answer.content
        given = answer.json()
        assert given["token_type"] == "Bearer" and isinstance(given["expires_in"], int)
        self.token = given["access_token"]
        payload = self.token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims


@pytest.fixture
def terraform(db: None) -> Terraform:
    return Terraform(Api(ApiClient.Role.ADMIN))


def test_the_environment_is_whole(terraform: Terraform) -> None:
    """It refuses an environment in which one of these is missing or empty."""
    cloud = terraform("GET", f"{HERE}/metadata/endpoints?api-version=2022-09-01")
    assert cloud["resourceManager"] and cloud["microsoftGraphResourceId"]
    assert cloud["authentication"]["tenant"] == "common" and cloud["authentication"]["identityProvider"] == "AAD"
    assert cloud["suffixes"]["storage"] and cloud["suffixes"]["keyVaultDns"]
    names = ("media", "batch", "gallery", "ossrDbmsResourceId", "synapseAnalyticsResourceId", "logAnalyticsResourceId")
    assert all(cloud[name] for name in names)
    (older,) = terraform("GET", f"{HERE}/metadata/endpoints?api-version=2019-05-01")
    assert older["name"] == cloud["name"], "where it looks, by this name, when the newer version does not answer"


def test_login(terraform: Terraform) -> None:
    """Then it asks who it is, which subscription it is in, and which providers are registered."""
    claims = terraform.login()
    texts = {
        "aud",
        "iss",
        "idp",
        "oid",
        "sub",
        "tid",
        "appid",
        "ver",
        "idtyp",
        "tenant_region_scope",
        "app_displayname",
    }
    assert texts <= set(claims) and all(isinstance(claims[name], str) for name in texts)
    assert claims["tid"] == terraform.who.tenant and claims["appid"] == claims["oid"] == str(terraform.who.client.pk)
    s = f"{HERE}/subscriptions/{terraform.who.subscription}"
    shown = terraform("GET", f"{s}?api-version=2022-12-01")
    assert (shown["state"], shown["tenantId"]) == ("Enabled", terraform.who.tenant)
    providers = terraform("GET", f"{s}/providers?api-version=2022-09-01")
    assert {provider["registrationState"] for provider in providers["value"]} == {"Registered"}
    assert all(provider["namespace"] and provider["resourceTypes"] for provider in providers["value"])
    for provider in providers["value"]:
        terraform("POST", f"{s}/providers/{provider['namespace']}/register?api-version=2022-09-01")


def test_the_life_of_a_scale_set(terraform: Terraform) -> None:
    """Is it there already? Create, wait, read; read again and change nothing; destroy, and see that all is gone."""
    terraform.login()
    group = f"{HERE}/subscriptions/{terraform.who.subscription}/resourceGroups/terraform"
    v = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    lb = f"{group}/providers/Microsoft.Network/loadBalancers/lb"
    terraform("GET", f"{group}?api-version={GROUPS}", status=404)
    terraform("PUT", f"{group}?api-version={GROUPS}", {"location": "westeurope", "tags": {}}, status=201)
    terraform("GET", f"{lb}?api-version={BALANCERS}", status=404)
    terraform("PUT", f"{lb}?api-version={BALANCERS}", {"location": "westeurope", "properties": {}}, status=201)
    balancer = terraform("GET", f"{lb}?api-version={BALANCERS}")
    assert all(
        balancer["properties"][name] == [] for name in ("frontendIPConfigurations", "probes", "backendAddressPools")
    )
    terraform("GET", f"{v}?$expand=userData&api-version={SETS}", status=404)
    terraform("PUT", f"{v}?api-version={SETS}", a_scale_set(), status=201)
    read = terraform("GET", f"{v}?$expand=userData&api-version={SETS}")
    _check(read)
    assert terraform("GET", f"{v}?$expand=userData&api-version={SETS}") == read, "a plan is clean"
    terraform(
        "PATCH", f"{v}?api-version={SETS}", {"sku": {"name": "Standard_D2s_v3", "capacity": 1}, "tags": {"a": "b"}}
    )
    within = terraform("GET", f"{group}/resources?$expand=provisioningState&$top=500&api-version={GROUPS}")
    assert {resource["name"] for resource in within["value"]} == {"web", "lb"}
    terraform("DELETE", f"{v}?forceDeletion=false&api-version={SETS}", status=202)
    terraform("DELETE", f"{lb}?api-version={BALANCERS}", status=200)
    terraform("DELETE", f"{lb}?api-version={BALANCERS}", status=204)


def a_scale_set() -> Any:
    body = document(capacity=0, automatic=False, os_profile={"adminUsername": "ada", "adminPassword": "hunter2hunter2"})
    body["properties"]["additionalCapabilities"] = {}
    body["properties"]["virtualMachineProfile"]["userData"] = "aGVsbG8="
    return {**without(body, "tags"), "zones": ["1"]}


def _check(read: Any) -> None:
    """What it reads without asking whether it is there, and what it took for a change."""
    properties = read["properties"]
    machine = properties["virtualMachineProfile"]
    assert "additionalCapabilities" not in properties and "identity" not in read
    assert properties["orchestrationMode"] == "Uniform" and properties["singlePlacementGroup"] is True
    assert machine["storageProfile"]["osDisk"]["managedDisk"]["storageAccountType"] == "Standard_LRS"
    assert machine["osProfile"]["linuxConfiguration"]["disablePasswordAuthentication"] is False
    assert machine["osProfile"]["secrets"] == [] and machine["userData"] == "aGVsbG8="
    assert read["zones"] == ["1"] and read["tags"] == {}
