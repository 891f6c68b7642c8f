"""The audit trail as Azure's activity log."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.arm.client import Api, scale_set
from tests.stories import NOW, a_scale_set, document, publish
from upgrades.commands import audit
from upgrades.commands.audit import write_entry
from upgrades.core.auditing import ObjectKind
from upgrades.models import ApiClient, AuditEntry

pytestmark = pytest.mark.django_db

PATH = "/providers/Microsoft.Insights/eventtypes/management/values"
SINCE = "eventTimestamp ge '2018-09-25T00:00:00Z'"


@pytest.fixture
def log(api: Api) -> Api:
    """As old a version as Azure Monitor's is."""
    api.version = "2015-04-01"
    return api


def codes(log: Api, condition: str = "", **options: str) -> list[str]:
    said = log("GET", _path(condition, **options))
    assert said.status == 200, said
    return [event["operationName"]["localizedValue"] for event in said["value"]]


def _path(condition: str = "", **options: str) -> str:
    wanted = SINCE + (f" and {condition}" if condition else "")
    more = "".join(f"&${name}={quote(value)}" for name, value in options.items())
    return f"{PATH}?$filter={quote(wanted)}{more}"


def test_an_event_has_azures_shape(log: Api) -> None:
    correlation = "5f2c9a0e-5a8c-4c57-9c39-1d6a2c3f9b10"
    log.version = "2018-10-01"
    body = {**document(capacity=1), "location": "westeurope"}
    path = "/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    made = log("PUT", path, body, **{"x-ms-correlation-request-id": correlation})
    assert made.status == 201
    assert made.headers["x-ms-correlation-request-id"] == correlation
    log.version = "2015-04-01"
    event = next(logged for logged in log("GET", _path())["value"] if logged["correlationId"] == correlation)
    uri = f"/subscriptions/{log.subscription}{path}"
    assert event["authorization"] == {"action": "Microsoft.Compute/virtualMachineScaleSets/write", "scope": uri}
    assert event["caller"] == log.name
    assert event["claims"] == {"appid": str(log.client.pk)}
    assert event["operationName"]["value"] == "Microsoft.Compute/virtualMachineScaleSets/write"
    assert (event["level"], event["status"]["value"]) == ("Informational", "Succeeded")
    assert event["eventTimestamp"] == "2018-09-25T12:00:00.0000000+00:00"
    assert event["resourceId"] == uri
    assert (event["resourceGroupName"], event["resourceProviderName"]["value"]) == ("fleet", "Microsoft.Compute")
    assert event["httpRequest"]["clientIpAddress"] == "127.0.0.1"
    assert event["id"] == f"{uri}/events/{event['eventDataId']}/ticks/636734736000000000"
    assert json.loads(event["properties"]["after"])["document"]["sku"]["capacity"] == 1


def test_refused_requests_are_in_the_log(log: Api) -> None:
    a_scale_set()
    log.version = "2018-10-01"
    log("POST", "/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web/rollingUpgrades/cancel")
    log.version = "2015-04-01"
    (event,) = log("GET", _path("status eq 'Failed'"))["value"]
    assert (event["level"], event["subStatus"]["value"]) == ("Error", "Conflict")
    assert event["operationName"]["value"] == "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/action"
    assert event["properties"]["statusMessage"] == "There is no ongoing Rolling Upgrade to cancel."


@pytest.fixture
def some(log: Api) -> None:
    a_scale_set()
    a_scale_set("api", group="Other")
    publish("16.04.1", now=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", ["ImagePublished", "ScaleSetCreated", "ScaleSetCreated", "ApiClientCreated"]),
        (
            "eventTimestamp le '2018-09-25T12:30:00.0000000Z'",
            ["ScaleSetCreated", "ScaleSetCreated", "ApiClientCreated"],
        ),
        ("eventTimestamp gt 2018-09-25T12:30:00Z", ["ImagePublished"]),
        ("resourceGroupName eq 'FLEET'", ["ScaleSetCreated"]),
        ("resourceGroupName eq 'flee'", []),
        ("resourceProvider eq 'Microsoft.Compute'", ["ScaleSetCreated", "ScaleSetCreated"]),
        ("resourceProvider eq 'Microsoft.Storage'", []),
        ("caller eq 'nobody'", []),
        ("correlationId eq 'none'", []),
        (
            "resourceUri eq '/subscriptions/x/resourceGroups/Fleet/providers/Microsoft.Compute/virtualMachineScaleSets/WEB'",
            ["ScaleSetCreated"],
        ),
        ("resourceUri eq '/subscriptions/x/resourceGroups/fleet'", []),
        ("resourceId eq '/subscriptions/x/resourceGroups/fleet'", []),
        ("resourceUri eq 'web'", []),
        ("eventChannels eq 'Admin, Operation' and resourceGroupName eq 'other'", ["ScaleSetCreated"]),
        ("status eq 'Succeeded' and status eq 'Failed'", []),
    ],
)
def test_filters(condition: str, expected: list[str], log: Api, some: None) -> None:
    assert codes(log, condition) == expected


def test_the_command_lines_words_for_a_resource_and_a_caller(log: Api, some: None) -> None:
    web = "/subscriptions/x/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    assert codes(log, f"resourceId eq '{web}'") == ["ScaleSetCreated"]
    log.version = "2018-10-01"
    log.patch(scale_set(), {"tags": {"a": "b"}})
    log.version = "2015-04-01"
    by_name, by_id = codes(log, f"caller eq '{log.name}'"), codes(log, f"caller eq '{str(log.client.pk).upper()}'")
    assert by_name == by_id and len(by_name) == 1


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", "from when on"),
        ("eventTimestamp le '2018-09-25T00:00:00Z'", "from when on"),
        ("eventTimestamp ge 'yesterday'", "no time"),
        ("eventTimestamp ge '9999-12-31T23:59:59-01:00'", "no time"),
        (f"{SINCE} or caller eq 'x'", "cannot be read"),
        (f"{SINCE} and", "cannot be read"),
        (f"{SINCE} and resourceType eq 'x'", "not honoured"),
        (f"{SINCE} and caller ne 'x'", "cannot be read"),
        (f"{SINCE} and caller ge 'x'", "not honoured"),
        (f"{SINCE} and eventTimestamp eq '2018-09-25T00:00:00Z'", "by ge, gt, le and lt"),
        (SINCE + " and caller eq 'x'" * 200, "at most 2000"),
    ],
)
def test_a_filter_is_honoured_or_refused(condition: str, words: str, log: Api) -> None:
    said = log("GET", f"{PATH}?$filter={quote(condition)}")
    assert (said.status, said.code) == (400, "InvalidParameter")
    assert words in said.message


def test_fields_can_be_selected(log: Api, some: None) -> None:
    (event, *_) = log("GET", _path(select="eventTimestamp, caller"))["value"]
    assert set(event) == {"eventTimestamp", "caller"}
    assert log("GET", _path(select="secrets")).status == 400


def test_pages(log: Api) -> None:
    for number in range(250):
        write_entry("Tried", ObjectKind.FLEET, "", f"Tried {number}.", now=NOW)
    seen, address = [], _path()
    while address:
        said = log("GET", address)
        seen += [event["description"] for event in said["value"] if event["description"].startswith("Tried")]
        address = said.body.get("nextLink", "")
    assert seen == [f"Tried {number}." for number in reversed(range(250))]
    assert len(log("GET", _path(top="7"))["value"]) == 7


def test_reading_the_log_needs_a_role(log: Api) -> None:
    for role in (ApiClient.Role.VIEWER, ApiClient.Role.OPERATOR):
        assert Api(role, version="2015-04-01")("GET", _path()).status == 403


def test_people_and_their_sign_ins_are_not_in_it(log: Api) -> None:
    audit.write_entry("SignedIn", ObjectKind.USER, "ada", "Signed in.", now=NOW)
    assert "SignedIn" not in codes(log)


def test_requests_that_a_role_does_not_allow_are_audited() -> None:
    viewer = Api(ApiClient.Role.VIEWER)
    path = "/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    assert viewer("DELETE", path).status == 403
    row = AuditEntry.objects.order_by("-pk")[0]
    assert (row.code, row.outcome, row.name, row.entry_point) == ("AccessRefused", "refused", "viewer-1", "API")
    assert row.path.startswith("DELETE /subscriptions/")
    before = AuditEntry.objects.count()
    assert viewer("DELETE", path).status == 403
    assert AuditEntry.objects.count() == before
