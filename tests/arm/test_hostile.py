"""What somebody would send who means no good, or whose program is broken."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from tests.arm.bodies import OFF, PROFILE
from tests.arm.client import Api, Json, is_error, load_balancer, scale_set
from tests.stories import NOW, a_scale_set, document, edited, nothing_changes, publish, snapshot_equals_events
from upgrades.arm import tokens
from upgrades.arm.tokens import Issuer
from upgrades.core.throttle import LIMITS, CountedBy
from upgrades.models import ApiClient, ImageSku, LoadBalancer, Location, ResourceGroup, ScaleSet, Subscription

pytestmark = pytest.mark.django_db
OSPROFILE = f"{PROFILE}.osProfile"


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("properties", ["x", 1, True, ["x"]])
def test_a_part_of_a_load_balancer_that_is_no_object_is_refused(api: Api, properties: Any) -> None:
    """It was stored, and from then on no list of load balancers could be had."""
    body = {"location": "westeurope", "properties": {"backendAddressPools": [{"name": "a", "properties": properties}]}}
    with nothing_changes():
        is_error(api.put(load_balancer(), body), 400, "InvalidParameter", "backendAddressPools[0].properties")
    assert api.get("/providers/Microsoft.Network/loadBalancers").status == 200


def test_lists_without_end_are_refused_at_once(api: Api) -> None:
    """16,000 extensions took 23 seconds, and 20,000 probes 14."""
    began = time.process_time()
    names = [{"name": f"e{number}"} for number in range(16_000)]
    with nothing_changes():
        is_error(api.put(scale_set(), document(extensions=names)), 400, "InvalidParameter", "at most 50 extensions")
        body = {"location": "westus", "properties": {"probes": names}}
        is_error(api.put(load_balancer(), body), 400, "InvalidParameter", "at most 1500 probes")
    assert time.process_time() - began < 10


def test_tags_are_checked_everywhere(api: Api) -> None:
    for path in (load_balancer(), "/resourceGroups/fleet", scale_set()):
        for tags in ("x", ["x"], {"a": {"b": "c"}}, {"a": None}):
            with nothing_changes():
                body = document() if path == scale_set() else {"location": "westeurope"}
                is_error(api.put(path, {**body, "tags": tags}), 400, "InvalidParameter", "tags")


@pytest.mark.parametrize("policy", ["x", 1, True, [1], ["x"]])
def test_an_old_version_with_a_policy_of_the_wrong_kind(api: Api, policy: Any) -> None:
    a_scale_set()
    given = {"automaticOSUpgrade": True, "automaticOSUpgradePolicy": policy}
    for method in ("PUT", "PATCH"):
        said = api(method, f"{scale_set()}?api-version=2017-12-01", {"properties": {"upgradePolicy": given}})
        is_error(said, 400, "InvalidParameter", "automaticOSUpgradePolicy")


def test_an_expiry_at_the_end_of_time(api: Api) -> None:
    for name, expiry in (("last", "9999-12-31T23:59:59-23:59"), ("first", "0001-01-01T00:00:00%2B23:59")):
        a_scale_set(name, os_profile={"address": f"https://x.blob.example/a?sig=b&se={expiry}"})
        assert api.get(f"{scale_set(name)}/preflight").status == 200


# --- addresses --------------------------------------------------------------------------------------------------------


def test_a_request_with_too_many_parameters_is_refused(api: Api) -> None:
    many = "&".join(f"a{number}=1" for number in range(1100))
    is_error(api.get(f"?{many}"), 400, "BadRequest", "too many")


def test_a_line_break_in_a_path_is_answered_as_all_else(api: Api) -> None:
    for path, status in (("/nowhere%0A", 400), ("/a%0Ab/c", 400), ("%0A", 404)):
        said = api.get(path)
        assert (said.headers["Content-Type"], said.status) == ("application/json", status)


def test_the_next_page_is_on_the_same_host_whatever_slashes_came(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token goes wherever nextLink leads."""
    monkeypatch.setattr("upgrades.arm.instances.PAGE", 2)
    a_scale_set(instances=5)
    path, _, query = api.address(f"{scale_set()}/virtualMachines").partition("?")
    said = api.http.get(
        "/", PATH_INFO=f"/{path}", QUERY_STRING=query, headers={"Authorization": f"Bearer {api.token}"}
    ).json()
    assert said["nextLink"].startswith("http://testserver/subscriptions/")
    assert [instance["instanceId"] for instance in api.get(said["nextLink"])["value"]] == ["2", "3"]


def test_a_filter_is_read_even_where_there_is_nothing(api: Api) -> None:
    is_error(api.get("/resources?$filter=colour%20eq%20%27red%27"), 400, "InvalidParameter", "$filter")


@pytest.mark.parametrize("path", ["/metadata/endpoints", "/common/v2.0/.well-known/openid-configuration"])
def test_endpoints_without_a_token_answer_like_the_others(api: Api, path: str) -> None:
    is_error(api.raw("POST", path, token=""), 405, "MethodNotAllowed", "POST")
    assert api.raw("HEAD", path, token="").status == 200


def test_a_form_in_another_alphabet(api: Api) -> None:
    form = "application/x-www-form-urlencoded; charset=latin-1"
    answer = api.http.post(f"/{api.tenant}/oauth2/v2.0/token", "grant_type=client_credentials", form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# --- tokens and roles -------------------------------------------------------------------------------------------------


def test_respelling_the_client_id_gives_no_more_tries(api: Api) -> None:
    plain = api.client.pk.hex
    spelled = [f"{{{plain}}}", f"urn:uuid:{plain}", plain.upper(), *(f"{plain[:n]}-{plain[n:]}" for n in range(1, 30))]
    said = [api.ask_token(client_id=spelling, client_secret="guess").status for spelling in spelled]
    assert said.count(401) == LIMITS[CountedBy.PAIR].free_failures and said[-1] == 429


def test_a_token_of_the_future_opens_nothing(api: Api) -> None:
    """Made while a clock was wrong, it would be good for longer than an hour."""
    tenant = Subscription.objects.get().tenant_id
    issuer = Issuer(f"http://testserver/{tenant}/", "1.0")
    early = tokens.issue(api.client, tenant, NOW + timedelta(days=1), issuer=issuer, audience="http://testserver")
    is_error(api.get("", token=early), 401, "AuthenticationFailed", "not valid yet")


def stored_as_it_is(body: dict[str, Any]) -> None:
    """A document from before two spellings of one field were refused."""
    a_scale_set(instances=3)
    ScaleSet.objects.update(document=body)


def test_an_operator_cannot_hide_a_change_behind_a_second_spelling(api: Api) -> None:
    body = document(capacity=3)
    body["SKU"] = dict(body["sku"])
    body["Properties"] = dict(body["properties"])
    stored_as_it_is(body)
    operator = Api(ApiClient.Role.OPERATOR)
    changes = ({"sku": {"capacity": 9}}, edited({}, f"{OSPROFILE}.adminUsername", "root"))
    for change in changes:
        for method in ("PUT", "PATCH"):
            with nothing_changes():
                is_error(operator(method, scale_set(), change), 403, "AuthorizationFailed")


@pytest.mark.parametrize("name", ["sku", "SKU", "Sku"])
def test_a_change_goes_to_the_spelling_that_is_shown(api: Api, name: str) -> None:
    body = document(capacity=3)
    stored_as_it_is({**body, "SKU": {"name": "other", "capacity": 4}})
    assert api.get(scale_set())["sku"]["capacity"] == 3
    assert api.put(scale_set(), {name: {"capacity": 5}})["sku"]["capacity"] == 5
    assert ScaleSet.objects.get().capacity == 5


def test_the_same_wrong_spelling_counts_everywhere(api: Api) -> None:
    """Also where the database keeps another order than the client sent."""
    body = document(capacity=3)
    spelled = {**body, "Sku": {"name": "other", "capacity": 4}, "SKU": body.pop("sku")}
    stored_as_it_is({name: value for name, value in spelled.items() if name != "sku"})
    assert api.get(scale_set())["sku"]["capacity"] == ScaleSet.objects.get().capacity == 3
    assert api.put(scale_set(), {"tags": {"a": "b"}})["sku"]["capacity"] == ScaleSet.objects.get().capacity == 3


def test_a_null_in_a_put_of_a_new_resource_says_nothing(api: Api) -> None:
    a_scale_set()
    with nothing_changes():
        assert api.put(scale_set(), {"plan": None, "properties": {"overprovision": None}}).status == 200


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_unattended_answers_are_secret(api: Api) -> None:
    """They hold passwords: AutoLogon, FirstLogonCommands."""
    content = [{"passName": "OobeSystem", "settingName": "AutoLogon", "content": "<Password>hunter2</Password>"}]
    windows = {"windowsConfiguration": {"additionalUnattendContent": content}}
    said = [api.put(scale_set(), document(os_profile=windows)), api.get(scale_set())]
    said += [api.get(f"{scale_set()}/virtualMachines")]
    assert all("hunter2" not in str(answer.body) for answer in said)
    row = ScaleSet.objects.get()
    assert "hunter2" not in str(row.document) and row.sealed_secrets
    with nothing_changes():
        assert api.put(scale_set(), said[1].body).status == 200


def test_a_preflight_shows_of_secret_addresses_the_host_only(api: Api) -> None:
    hook = "https://hooks.example/services/hunter2"
    settings = {"script": hook, "more": [hook]}
    extension = {"name": "e", "properties": {"publisher": "p", "type": "t", "protectedSettings": settings}}
    a_scale_set(extensions=[extension])
    said = api.get(f"{scale_set()}/preflight")
    references = [check["reference"] for check in said["value"] if check["kind"] not in ("provider", "warning")]
    assert references == ["https://hooks.example/..."] * 2
    assert "hunter2" not in str(said.body)


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_patch_of_a_group_without_tags_keeps_them(api: Api) -> None:
    api.put("/resourceGroups/fleet", {"location": "westeurope", "tags": {"a": "b"}})
    bodies: tuple[Json, ...] = ({}, {"properties": {}})
    for body in bodies:
        assert api.patch("/resourceGroups/fleet", body)["tags"] == {"a": "b"}
    assert api.patch("/resourceGroups/fleet", {"tags": {}})["tags"] == {}


def test_groups_with_similar_names_are_kept_apart(api: Api) -> None:
    """To LIKE an underscore is any letter."""
    a_scale_set(group="axb")
    api.put("/resourceGroups/a_b", {"location": "westeurope"})
    operation = api.delete("/resourceGroups/a_b").headers["Azure-AsyncOperation"]
    assert api.get(operation)["status"] == "Succeeded"
    assert api.get("/resourceGroups/a_b").status == 404
    assert not ScaleSet.objects.get().deleting


def test_a_group_with_letters_of_other_alphabets_in_any_case(api: Api) -> None:
    a_scale_set(group="FLÖTTE", instances=0, capacity=0)
    api.put(load_balancer(of="FLÖTTE"), {"location": "westeurope"})
    assert api.delete("/resourceGroups/fl%C3%B6tte").status == 202
    assert ScaleSet.objects.get().deleting and not LoadBalancer.objects.exists()
    assert ResourceGroup.objects.get().deleting and api.get("/resourceGroups/FL%C3%96TTE").status == 200


# --- semantics --------------------------------------------------------------------------------------------------------


def test_a_put_keeps_omitted_fields_of_list_elements_too(api: Api) -> None:
    """As clients with older models put what they got: without the fields they do not know."""
    extension = {
        "name": "one",
        "fromTheFuture": 1,
        "properties": {"publisher": "p", "type": "t", "suppressFailures": True},
    }
    a_scale_set(extensions=[extension])
    given = [{"name": "ONE", "properties": {"publisher": "p", "type": "t"}}]
    extensions = f"{PROFILE}.extensionProfile.extensions"
    with nothing_changes():
        assert api.put(scale_set(), edited({}, extensions, given)).status == 200
    two = {"name": "two", "properties": {"publisher": "p", "type": "u"}}
    api.put(scale_set(), edited({}, extensions, [two, {"name": "one", "properties": {"type": "other"}}]))
    profile = ScaleSet.objects.get().document["properties"]["virtualMachineProfile"]
    assert profile["extensionProfile"]["extensions"] == [
        two,
        {"name": "one", "fromTheFuture": 1, "properties": {"type": "other"}},
    ], "what has another type has nothing of the old one"
    api.patch(scale_set(), edited({}, extensions, [two]))
    profile = ScaleSet.objects.get().document["properties"]["virtualMachineProfile"]
    assert profile["extensionProfile"]["extensions"] == [two]


def test_a_probe_becomes_a_tcp_probe(api: Api) -> None:
    def balancer(**properties: Any) -> dict[str, Any]:
        return {"location": "westeurope", "properties": {"probes": [{"name": "p", "properties": properties}]}}

    api.put(load_balancer(), balancer(protocol="Http", port=80, requestPath="/", probeThreshold=3))
    is_error(api.put(load_balancer(), balancer(protocol="http", port=81)), 400, "InvalidParameter", "requestPath")
    api.put(load_balancer(), {"properties": balancer(protocol="http", port=81)["properties"]})
    probe = api.get(f"{load_balancer()}/probes/p")["properties"]
    assert (probe["port"], probe["requestPath"], probe["probeThreshold"]) == (81, "/", 3)
    assert api.put(load_balancer(), balancer(protocol="Tcp", port=22)).status == 200
    assert "requestPath" not in api.get(f"{load_balancer()}/probes/p")["properties"]


def test_s5_turning_it_off_is_accepted_where_images_of_galleries_no_longer_are(api: Api) -> None:
    Location.objects.update(rules="current")
    names = {"publisher": "rg", "offer": "gallery", "sku": "ours"}
    ImageSku.objects.create(key="rg:gallery:ours", **names, os_type="Linux", gallery=True)
    publish("1.0.0", image=("rg", "gallery", "ours"))
    image = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/galleries/gallery/images/ours"
    body = edited(document(probe="/health"), f"{PROFILE}.storageProfile.imageReference", {"id": image})
    assert api.put(scale_set(), body).status == 201
    Location.objects.update(rules="document")
    assert api.patch(scale_set(), OFF).status == 200
    assert not ScaleSet.objects.get().automatic_upgrade
    on = edited({}, "properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", True)
    is_error(api.patch(scale_set(), on), 400, "InvalidParameter", "custom images")


def test_s5_turning_it_off_is_accepted_when_secrets_cannot_be_read_any_more(api: Api, settings: LazySettings) -> None:
    """The key was lost, and with it what is sealed: it stays as it is."""
    before = a_scale_set(os_profile={"adminPassword": "hunter2"})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, []
    api.token = api.fetch_token()
    assert api.patch(scale_set(), OFF).status == 200
    after = ScaleSet.objects.get()
    assert (after.automatic_upgrade, after.sealed_secrets) == (False, before.sealed_secrets)
    change = edited({}, f"{OSPROFILE}.adminUsername", "ada")
    is_error(api.patch(scale_set(), change), 400, "BadRequest", "cannot be kept")


def test_a_patch_keeps_omitted_fields_even_where_a_type_changes(api: Api) -> None:
    a_scale_set()
    both = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"a": {}}}
    api.patch(scale_set(), {"identity": both})
    api.patch(scale_set(), {"identity": {"type": "UserAssigned"}})
    assert list(api.get(scale_set())["identity"]["userAssignedIdentities"]) == ["a"]


def test_a_get_and_a_put_change_nothing_where_there_are_no_tags(api: Api) -> None:
    for name, tags in (("none", {}), ("null", {"tags": None})):
        body = {key: value for key, value in document().items() if key != "tags"}
        assert api.put(scale_set(name), {**body, **tags}).status == 201
        with nothing_changes():
            said = api.put(scale_set(name), api.get(scale_set(name)).body)
            assert said.status == 200 and "Azure-AsyncOperation" not in said.headers


def test_zones_stay_while_there_are_instances(api: Api) -> None:
    row = a_scale_set(instances=3, model={"zones": ["1", "2"]})
    with nothing_changes():
        said = api.patch(scale_set(), {"zones": ["2", "3"]})
    assert (said.status, said.body["error"]["code"], said.body["error"]["target"]) == (
        400,
        "PropertyChangeNotAllowed",
        "zones",
    )
    row.instances.all().delete()
    with snapshot_equals_events():
        assert api.patch(scale_set(), {"zones": ["2", "3"]}).status == 200
