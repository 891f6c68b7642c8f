"""What holds for every call: paths, versions, headers, and the one error shape for every kind of bad input."""

from typing import Any
from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from tests.arm.client import Api, is_error, load_balancer, scale_set
from tests.stories import a_scale_set, document, edited, nothing_changes, without
from upgrades.arm import scale_sets
from upgrades.models import ApiClient, ScaleSet

pytestmark = pytest.mark.django_db
PROFILE = "properties.virtualMachineProfile"
ROLLING = "properties.upgradePolicy.rollingUpgradePolicy"
IMAGE = f"{PROFILE}.storageProfile.imageReference"


# --- paths and versions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/resourcegroups/FLEET/providers/microsoft.compute/virtualmachinescalesets/WEB",
        "/RESOURCEGROUPS/fleet/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINESCALESETS/Web",
        "/resourceGroups/fleet/providers/Microsoft.Compute//virtualMachineScaleSets/web",
        "/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web/",
    ],
)
def test_paths_in_any_case_and_with_any_slashes(api: Api, path: str) -> None:
    a_scale_set()
    assert api.get(path)["name"] == "web"


@pytest.mark.parametrize("version", ["2018-10-01", "2017-03-30", "2026-04-01", "2031-01-01", "2018-10-01-preview"])
def test_every_version_from_the_first_on(api: Api, version: str) -> None:
    a_scale_set()
    assert api.get(f"{scale_set()}?api-version={version}").status == 200
    assert api.get(f"{scale_set()}?API-Version={version}&api-version={version}").status == 200


@pytest.mark.parametrize(
    "version", ["2017-03-29", "2018-13-01", "latest", "2018", "2018-10-01 ", "２０１８-10-01", "1.0"]
)
def test_unknown_api_versions_are_refused(api: Api, version: str) -> None:
    a_scale_set()
    said = api.get(f"{scale_set()}?api-version={quote(version)}")
    is_error(said, 400, "InvalidApiVersionParameter", "2018-10-01")


def test_a_version_is_required(api: Api) -> None:
    api.version = None
    for path in ("", scale_set(), "/resourceGroups", "/nothing/at/all"):
        is_error(api.get(path), 400, "MissingApiVersionParameter")


def test_every_answer_has_its_headers(api: Api) -> None:
    for path, status in (("", 200), ("/nothing", 400)):
        said = api.get(
            path,
            x_ms_client_request_id="abc",
            x_ms_return_client_request_id="true",
            x_ms_correlation_request_id="def",
        )
        assert said.status == status
        assert said.headers["x-ms-request-id"] and said.headers["x-ms-correlation-request-id"] == "def"
        assert said.headers["x-ms-client-request-id"] == "abc"
    silent = api.get("", x_ms_client_request_id="abc")
    assert "x-ms-client-request-id" not in silent.headers
    assert silent.headers["x-ms-correlation-request-id"] == silent.headers["x-ms-request-id"]


def test_an_old_preview_version_has_its_own_names(api: Api) -> None:
    preview = f"{scale_set()}?api-version=2017-12-01"
    body = document(automatic=False)
    body["properties"]["upgradePolicy"] = {"mode": "Manual", "automaticOSUpgrade": True}
    assert api.put(preview, body).status == 201
    assert ScaleSet.objects.get().automatic_upgrade
    assert api.get(preview)["properties"]["upgradePolicy"]["automaticOSUpgrade"] is True
    now = api.get(scale_set())["properties"]["upgradePolicy"]
    assert now == {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
    shown = api.get(preview).body
    shown["properties"]["upgradePolicy"]["automaticOSUpgrade"] = False
    assert api.put(preview, shown).status == 200
    assert not ScaleSet.objects.get().automatic_upgrade


# --- the one error shape ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 400, "InvalidResourceType"),
        ("POST", f"{scale_set()}/nonsense", 400, "ActionNotSupported"),
        ("GET", scale_set("nobody"), 404, "ResourceNotFound"),
        ("GET", scale_set(of="nowhere"), 404, "ResourceGroupNotFound"),
        ("PATCH", scale_set("nobody"), 404, "ResourceNotFound"),
        ("GET", f"{scale_set()}/virtualMachines/99", 404, "ResourceNotFound"),
        ("GET", f"{scale_set()}/virtualMachines/-1", 404, "ResourceNotFound"),
        ("GET", f"{scale_set()}/virtualMachines/%D9%A3", 404, "ResourceNotFound"),
        ("GET", f"{scale_set()}/virtualMachines/99999999999999999999", 404, "ResourceNotFound"),
        ("GET", f"{scale_set('nobody')}/instanceView", 404, "ResourceNotFound"),
        ("GET", f"{scale_set('nobody')}/osUpgradeHistory", 404, "ResourceNotFound"),
        ("GET", f"{scale_set()}/rollingUpgrades/latest", 404, "ResourceNotFound"),
        ("POST", f"{scale_set('nobody')}/osRollingUpgrade", 404, "ResourceNotFound"),
        ("POST", f"{scale_set('nobody')}/extensionRollingUpgrade", 404, "ResourceNotFound"),
        ("POST", f"{scale_set('nobody')}/approveRollingUpgrade", 404, "ResourceNotFound"),
        ("POST", f"{scale_set('nobody')}/virtualMachines/0/approveRollingUpgrade", 404, "ResourceNotFound"),
        ("POST", f"{scale_set()}/rollingUpgrades/cancel", 409, "Conflict"),
        ("GET", load_balancer("nobody"), 404, "ResourceNotFound"),
        ("PATCH", load_balancer("nobody"), 404, "ResourceNotFound"),
        ("GET", f"{load_balancer('nobody')}/probes/p", 404, "ResourceNotFound"),
        ("GET", "/resourceGroups/nowhere", 404, "ResourceGroupNotFound"),
        ("DELETE", "/resourceGroups/nowhere", 404, "ResourceGroupNotFound"),
        ("GET", "/resourceGroups/nowhere/resources", 404, "ResourceGroupNotFound"),
        ("GET", "/providers/Microsoft.Sql", 404, "InvalidResourceNamespace"),
        (
            "GET",
            "/providers/Microsoft.Compute/locations/atlantis/publishers",
            400,
            "LocationNotAvailableForResourceType",
        ),
        ("GET", "/providers/Microsoft.Compute/locations/westeurope/operations/x", 404, "NotFound"),
        (
            "GET",
            "/providers/Microsoft.Compute/locations/westeurope/operations/00000000-0000-0000-0000-000000000000",
            404,
            "NotFound",
        ),
        ("GET", "/resources?$filter=colour%20eq%20%27red%27", 400, "InvalidParameter"),
        ("GET", "/providers/Microsoft.Compute/virtualMachineScaleSets?$skiptoken=!", 400, "InvalidParameter"),
        ("GET", "/providers/Microsoft.Compute/virtualMachineScaleSets?$skiptoken=bnVsbA", 400, "InvalidParameter"),
        ("GET", f"{scale_set()}/virtualMachines?$skiptoken=ImEi", 400, "InvalidParameter"),
        ("POST", scale_set(), 405, "MethodNotAllowed"),
        ("DELETE", f"{scale_set()}/instanceView", 405, "MethodNotAllowed"),
        ("PUT", "/locations", 405, "MethodNotAllowed"),
        ("OPTIONS", scale_set(), 405, "MethodNotAllowed"),
    ],
)
def test_unknown_resources_and_methods_are_refused(api: Api, method: str, path: str, status: int, code: str) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api(method, path, {} if method in ("PATCH", "PUT") else None), status, code)


def test_an_unknown_subscription_is_refused(api: Api) -> None:
    for other in ("00000000-0000-0000-0000-000000000000", "mine", "{subscription-id}"):
        said = api.raw("GET", f"/subscriptions/{other}/resourceGroups?api-version=2018-10-01")
        is_error(said, 404, "SubscriptionNotFound", other)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a json object"),
        (b"{", "not JSON"),
        (b'{"a": hunter2}', "not JSON"),
        (b"[]", "a list"),
        (b'"hunter2"', "a string"),
        (b"null", "expected a json object"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\\u0000"}', "cannot be stored"),
        (b'{"a": "\\ud800"}', "cannot be stored"),
        (b"[" * 200_000, "nested"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "nested"),
        (b"1" * 5000, "nested too deeply, or has a number"),
        (b"a=b&c=d", "not JSON"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_unreadable_bodies_are_refused(api: Api, method: str, content: bytes, words: str) -> None:
    a_scale_set()
    with nothing_changes():
        said = api(method, scale_set(), content)
    is_error(said, 400, "InvalidRequestContent", words)
    assert "hunter2" not in said.message


def test_a_body_that_is_too_large(api: Api) -> None:
    is_error(api.put(scale_set(), b'{"a": "' + b"x" * 4_000_001 + b'"}'), 413, "RequestTooLarge", "4 MB")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_document_of_too_many_fields(api: Api, method: str) -> None:
    a_scale_set()
    strange = {f"a{number}": 1 for number in range(30_000)}
    with nothing_changes():
        said = api(method, scale_set(), {"location": "westeurope", "properties": {"virtualMachineProfile": strange}})
    is_error(said, 400, "InvalidParameter", "names and values", "50000")


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("location", "", "InvalidParameter"),
    ("location", "atlantis", "LocationNotAvailableForResourceType"),
    ("location", 7, "InvalidParameter"),
    ("tags", ["a"], "InvalidParameter"),
    ("tags", {"a": {}}, "InvalidParameter"),
    ("sku", "large", "InvalidParameter"),
    ("sku.capacity", -1, "InvalidParameter"),
    ("sku.capacity", 1001, "InvalidParameter"),
    ("sku.capacity", "many", "InvalidParameter"),
    ("sku.capacity", 1.5, "InvalidParameter"),
    ("sku.capacity", None, "InvalidParameter"),
    ("properties", "x", "InvalidParameter"),
    ("properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", "banana", "InvalidParameter"),
    ("properties.upgradePolicy.automaticOSUpgradePolicy", "on", "InvalidParameter"),
    (f"{ROLLING}.maxBatchInstancePercent", 4, "InvalidParameter"),
    (f"{ROLLING}.maxBatchInstancePercent", 101, "InvalidParameter"),
    (f"{ROLLING}.maxUnhealthyInstancePercent", 4, "InvalidParameter"),
    (f"{ROLLING}.maxUnhealthyInstancePercent", 101, "InvalidParameter"),
    (f"{ROLLING}.maxUnhealthyUpgradedInstancePercent", -1, "InvalidParameter"),
    (f"{ROLLING}.maxUnhealthyUpgradedInstancePercent", 101, "InvalidParameter"),
    (f"{ROLLING}.pauseTimeBetweenBatches", "1 minute", "InvalidParameter"),
    (f"{ROLLING}.pauseTimeBetweenBatches", "P400D", "InvalidParameter"),
    (f"{IMAGE}.publisher", "", "InvalidParameter"),
    (f"{IMAGE}.sku", "20.04-LTS", "BadRequest"),
    (f"{IMAGE}.version", "16.04.201809250", "BadRequest"),
    (f"{IMAGE}.id", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/mine", "InvalidParameter"),
    (f"{PROFILE}.networkProfile", {"healthProbe": {"id": "nonsense"}}, "InvalidResourceReference"),
    (f"{PROFILE}.networkProfile", {"healthProbe": "x"}, "InvalidParameter"),
    (f"{PROFILE}.extensionProfile", {"extensions": {}}, "InvalidParameter"),
    (f"{PROFILE}.extensionProfile", {"extensions": [{}]}, "InvalidParameter"),
]


@pytest.mark.parametrize(("path", "value", "code"), BAD_FIELDS, ids=lambda value: str(value)[-40:])
def test_bad_fields_of_a_scale_set(api: Api, path: str, value: Any, code: str) -> None:
    """The percent ranges among them; on creating and on changing."""
    with nothing_changes():
        is_error(api.put(scale_set("new"), edited(document(), path, value)), 400, code)
    a_scale_set()
    if value is None or path == "location":
        return
    with nothing_changes():
        for method in ("PUT", "PATCH"):
            is_error(api(method, scale_set(), edited({}, path, value)), 400, code)


@pytest.mark.parametrize("name", ["a b", "a.", "x" * 81, "a*b", "%00", "a%0Ab"])
def test_invalid_names_are_refused(api: Api, name: str) -> None:
    with nothing_changes():
        is_error(api.put(scale_set(name), document()), 400, "InvalidParameter", "RESOURCE_GROUP/NAME")
        is_error(api.put(load_balancer(name), {"location": "westeurope"}), 400, "InvalidParameter")
        is_error(api.put(f"/resourceGroups/{name}x*", {"location": "westeurope"}), 400, "InvalidParameter")


def test_a_nul_is_nowhere(api: Api) -> None:
    for path in (
        scale_set("%00"),
        "/resourceGroups/%00",
        "/providers/Microsoft.Compute/locations/%00/publishers",
        "?a=%00",
    ):
        is_error(api.get(path), 400, "InvalidParameter", "NUL")


def test_missing_fields_are_named(api: Api) -> None:
    for path in ("location", "sku.capacity", f"{IMAGE}.publisher"):
        with nothing_changes():
            is_error(api.put(scale_set(), without(document(), path)), 400, "InvalidParameter", f"{path} is missing")


def test_moving_to_another_location_is_refused(api: Api) -> None:
    a_scale_set()
    is_error(api.patch(scale_set(), {"location": "westus"}), 400, "PropertyChangeNotAllowed", "cannot be changed")


# --- when something fails ---------------------------------------------------------------------------------------------


def test_an_internal_error_reveals_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(scale_sets, "find", fail)
    said = api.get(scale_set())
    is_error(said, 500, "InternalServerError")
    assert "inside" not in said.message and "the inside" in caplog.text


def test_a_database_that_is_away_asks_for_patience(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(scale_sets, "find", fail)
    said = api.get(scale_set())
    is_error(said, 503, "ServiceUnavailable")
    assert said.headers["Retry-After"] == "5"


def test_addresses_lead_back_to_where_the_client_is(api: Api, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["rollgrid.example"]
    said = api.put(scale_set(), document(), host="rollgrid.example:8443")
    assert said.headers["Azure-AsyncOperation"].startswith("http://rollgrid.example:8443/subscriptions/")


@pytest.mark.parametrize("path", ["/providers/Microsoft.Compute/register", scale_set(), "/resourceGroups"])
def test_a_host_that_is_not_ours(api: Api, settings: LazySettings, path: str) -> None:
    """Django's own answer would be a page."""
    settings.ALLOWED_HOSTS = ["rollgrid.example"]
    for method in ("GET", "PUT", "POST"):
        is_error(api(method, path, {}, host="elsewhere.example"), 400, "BadRequest", "a host that this server is not")
    said = api.raw("GET", "/metadata//endpoints/", token="", host="elsewhere.example")
    is_error(said, 400, "BadRequest", "a host that this server is not")


def test_a_host_that_is_not_ours_elsewhere(api: Api, settings: LazySettings) -> None:
    """The token service has a shape of its own, and pages are pages."""
    settings.ALLOWED_HOSTS = ["rollgrid.example"]
    elsewhere = {"Host": "elsewhere.example"}
    answer = api.http.post(f"/{api.tenant}/oauth2/v2.0/token", {}, headers=elsewhere)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    page = api.http.get("/images/", headers=elsewhere)
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_viewer_can_read_everything_that_is_listed(db: None) -> None:
    api = Api(ApiClient.Role.VIEWER)
    a_scale_set()
    for path in ("", "/resourceGroups", "/providers", "/locations", "/resources", f"{scale_set()}/virtualMachines"):
        assert api.get(path).status == 200
