"""The token service, API clients, and who may do what."""

import json
import re
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError

from tests.arm.client import Api, is_error, load_balancer, scale_set
from tests.commands.test_approvals import DEFERRAL
from tests.stories import NOW, a_scale_set, document, edited, nothing_changes, publish
from upgrades.arm import token_service, tokens
from upgrades.arm.tokens import Issuer
from upgrades.commands.access import renew_secret, revoke_client
from upgrades.core.throttle import LIMITS, CountedBy
from upgrades.models import ApiClient, AuditEntry, Subscription

pytestmark = pytest.mark.django_db


# --- clients ----------------------------------------------------------------------------------------------------------


def api_client(*words: str) -> str:
    out = StringIO()
    call_command("api_client", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_a_client_and_says_its_secret_once() -> None:
    said = json.loads(api_client("pipeline", "--role", "operator", "--json"))
    assert set(said) == {"tenantId", "subscriptionId", "clientId", "clientSecret"}
    row = ApiClient.objects.get(name="pipeline")
    assert (str(row.pk), row.role) == (said["clientId"], "operator")
    assert said["clientSecret"] not in json.dumps(list(ApiClient.objects.values()), default=str)
    assert re.fullmatch("[0-9a-f]{64}", row.secret_hash)
    with nothing_changes(), pytest.raises(CommandError, match="there already|already"):
        api_client("pipeline", "--role", "admin")


def test_a_new_secret_and_revoking_over_the_command(api: Api) -> None:
    said = api_client(api.name, "--new-secret")
    assert "clientSecret" in said
    is_error(api.get(""), 401, "AuthenticationFailed")
    api_client(api.name, "--revoke")
    for words in (
        ("nobody", "--revoke"),
        ("nobody", "--new-secret"),
        ("x", "--role", "king"),
        ("x",),
        ("", "--role", "admin"),
    ):
        with pytest.raises(CommandError):
            api_client(*words)


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_opens_the_api(api: Api) -> None:
    given = api.ask_token()
    assert given["token_type"] == "Bearer" and given["expires_in"] == 3599
    assert given.headers["Cache-Control"] == "no-store"
    assert api.get("").status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 401, "invalid_client"),
        ({"client_id": "\0"}, 401, "invalid_client"),
        ({"client_secret": "\ud83d"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_is_refused_as_oauth_says(api: Api, form: dict[str, str], status: int, error: str) -> None:
    form = {name: value.encode(errors="replace").decode() for name, value in form.items()}
    said = api.ask_token(**form)
    assert (said.status, said["error"]) == (status, error)
    assert said["error_description"].startswith("AADSTS") and "wrong" not in said["error_description"]


def test_unreadable_token_requests_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/{api.tenant}/oauth2/v2.0/token"
    for kind in ("application/json", "multipart/form-data", "text/plain"):
        answer = api.http.post(address, b'{"client_id": "x"}', kind)
        assert answer.status_code == 400 and answer.json()["error"]
    many = "&".join(f"a{number}=1" for number in range(2000))
    answer = api.http.post(address, many, "application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    def fail(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(token_service, "_client", fail)
    said = api.ask_token()
    assert (said.status, said["error"], said.headers["Retry-After"]) == (503, "temporarily_unavailable", "5")


def test_get_is_no_way_to_a_token(api: Api) -> None:
    assert api.raw("GET", f"/{api.tenant}/oauth2/v2.0/token", token="").status == 405


@pytest.mark.parametrize("tenant", ["organizations", "common", "adfs", "ADFS"])
def test_discovery_for_every_tenant(api: Api, tenant: str) -> None:
    version = "" if tenant.lower() == "adfs" else "/v2.0"
    said = api.raw("GET", f"/{tenant}{version}/.well-known/openid-configuration", token="")
    assert said["token_endpoint"] == f"http://testserver/{tenant}/oauth2{version}/token"
    assert {"issuer", "authorization_endpoint"} <= set(said.body)
    form = {"client_id": str(api.client.pk), "client_secret": api.secret, "grant_type": "client_credentials"}
    answer = api.http.post(said["token_endpoint"].removeprefix("http://testserver"), form)
    assert api.get("", token=answer.json()["access_token"]).status == 200


def test_tokens_survive_a_restart_and_a_change_of_keys(api: Api, settings: LazySettings) -> None:
    """The key that signs them is in the database, sealed with the secret key."""
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "x" * 60
    assert api.get("").status == 200
    settings.SECRET_KEY_FALLBACKS = []
    is_error(api.get(""), 401, "AuthenticationFailed")


def test_a_renewed_secret_ends_the_old_one_and_all_tokens(api: Api) -> None:
    _, secret = renew_secret(api.name)
    is_error(api.get(""), 401, "AuthenticationFailed", "fetch a new one")
    assert api.ask_token().status == 401
    api.secret = secret
    assert api.get("", token=api.fetch_token()).status == 200


def test_a_revoked_client_is_out_at_once(api: Api) -> None:
    revoke_client(api.name, NOW)
    is_error(api.get(""), 401, "AuthenticationFailed")
    assert api.ask_token().status == 401


def test_a_token_ends_by_itself(api: Api) -> None:
    tenant = Subscription.objects.get().tenant_id
    issuer = Issuer(f"http://testserver/{tenant}/", "1.0")
    old = tokens.issue(api.client, tenant, NOW - tokens.LIFETIME, issuer=issuer, audience="http://testserver")
    is_error(api.get("", token=old), 401, "AuthenticationFailed", "expired")
    assert tokens.client_of(old, NOW - timedelta(seconds=1), host="testserver") == api.client
    with pytest.raises(tokens.Refused):
        tokens.client_of(old, NOW, host="testserver")


def test_a_token_outlives_a_clock_that_is_set_back(api: Api) -> None:
    """Clients keep theirs for as long as it was promised."""
    tenant = Subscription.objects.get().tenant_id
    issuer = tokens.Issuer(f"http://testserver/{tenant}/v2.0", "2.0")
    of_later = tokens.issue(
        api.client, tenant, NOW + timedelta(hours=2), issuer=issuer, audience="https://management.azure.com"
    )
    assert api.get("", token=of_later).status == 200


def forged(api: Api, **changes: Any) -> list[str]:
    claims = {**jwt.decode(api.token, options={"verify_signature": False}), **changes}
    head, body, _ = api.token.split(".")
    return [
        jwt.encode(claims, "k" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        f"{head}.{body}.",
        f"{head}.{body}.AAAA",
        api.token[:-2],
        "a.b.c",
        "x",
        "Bearer",
    ]


def test_forged_tokens_open_nothing(api: Api) -> None:
    for token in forged(api):
        is_error(api.get("", token=token), 401, "AuthenticationFailed")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Digest x"])
def test_a_request_without_a_token_is_told_where_to_get_one(api: Api, header: str) -> None:
    said = api.get("", token="", authorization=header)
    is_error(said, 401, "AuthenticationFailed")
    challenge = said.headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="http://testserver/{api.tenant}"')
    assert 'error="insufficient_claims"' in challenge and "claims=" in challenge


def test_a_session_opens_nothing(api: Api, admin_client: Any) -> None:
    """Cookies do not count here, so that no page can make a browser act."""
    assert admin_client.get(api.address("")).status_code == 401
    answer = admin_client.put(api.address(scale_set()), document(), content_type="application/json")
    assert answer.status_code == 401


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_secret_that_is_guessed_at_has_to_wait(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(LIMITS[CountedBy.PAIR].free_failures):
        assert api.ask_token(client_secret="guess").status == 401
    said = api.ask_token()
    assert (said.status, said["error"], said.headers["Retry-After"]) == (429, "temporarily_unavailable", "30")
    assert said["error_description"] == "AADSTS90055: Too many tries. Wait 30 seconds, then try again."
    assert Api(ApiClient.Role.VIEWER).token, "others need not wait"
    assert api.get("").status == 200, "nor do tokens that are there already"
    lines = [record.getMessage() for record in caplog.records if record.name == "upgrades.sign_ins"]
    first, *_, last = lines
    assert first == f"the sign-in of the client {api.name!r} from 127.0.0.1 failed"
    assert last == f"{first}; the next try has to wait 30 seconds"
    assert len(lines) == LIMITS[CountedBy.PAIR].free_failures


@pytest.mark.parametrize("form", [{"client_secret": ""}, {"client_id": "x"}, {"grant_type": "password"}])
def test_invalid_requests_keep_the_count_of_tries(api: Api, form: dict[str, str]) -> None:
    for _ in range(LIMITS[CountedBy.PAIR].free_failures):
        assert api.ask_token(client_secret="guess").status == 401
        assert api.ask_token(**form).status in (400, 401)
    assert api.ask_token().status == 429


def test_guessing_across_clients_has_to_wait(api: Api) -> None:
    for _ in range(LIMITS[CountedBy.ADDRESS].free_failures):
        assert api.ask_token(client_id=str(uuid.uuid4())).status == 401
    assert api.ask_token().status == 429


# --- roles ------------------------------------------------------------------------------------------------------------

OPT_OUT = {"properties": {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}}
SWITCH = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}}}
BALANCER = {"location": "westeurope", "properties": {}}
NEEDED = [
    ("viewer", "GET", scale_set(), None),
    ("viewer", "GET", f"{scale_set()}/osUpgradeHistory", None),
    ("operator", "POST", f"{scale_set()}/osRollingUpgrade", None),
    ("operator", "POST", f"{scale_set()}/extensionRollingUpgrade", None),
    ("operator", "POST", f"{scale_set()}/approveRollingUpgrade", None),
    ("operator", "POST", f"{scale_set()}/virtualMachines/1/approveRollingUpgrade", None),
    ("operator", "POST", "/providers/Microsoft.Compute/register", None),
    ("operator", "PUT", f"{scale_set()}/virtualMachines/1", OPT_OUT),
    ("operator", "PATCH", scale_set(), SWITCH),
    ("operator", "PATCH", scale_set(), {"tags": {"a": "b"}}),
    ("operator", "PUT", scale_set(), SWITCH),
    ("operator", "PATCH", "/resourceGroups/fleet", {"tags": {"a": "b"}}),
    ("admin", "PATCH", scale_set(), {"sku": {"capacity": 5}}),
    ("admin", "PUT", scale_set(), {"sku": {"capacity": 5}}),
    ("admin", "PUT", scale_set("new"), document()),
    ("admin", "DELETE", scale_set(), None),
    ("admin", "PUT", load_balancer(), BALANCER),
    ("admin", "PUT", "/resourceGroups/new", {"location": "westeurope"}),
    ("admin", "DELETE", "/resourceGroups/fleet", None),
]


@pytest.mark.parametrize("role", list(ApiClient.Role))
@pytest.mark.parametrize(("needed", "method", "path", "body"), NEEDED)
def test_each_role_allows_its_own_requests(
    db: None, role: ApiClient.Role, needed: ApiClient.Role, method: str, path: str, body: Any
) -> None:
    """The table of docs/arm-api.md."""
    api, ranks = Api(role), list(ApiClient.Role)
    a_scale_set(model=edited(document(capacity=10, probe="/health"), DEFERRAL, True))
    publish("16.04.1")
    if ranks.index(role) >= ranks.index(ApiClient.Role(needed)):
        assert api(method, path, body).status < 300
        return
    with nothing_changes():
        is_error(api(method, path, body), 403, "AuthorizationFailed", "it needs the role", f"and has {role.value}.")


def test_a_role_counts_at_once(api: Api) -> None:
    ApiClient.objects.update(role="viewer")
    is_error(api.put(scale_set(), document()), 403, "AuthorizationFailed")


def test_no_secret_and_no_token_in_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.ask_token(client_secret="hunter2hunter2")
    api.put(scale_set(), b'{"properties": {"adminPassword": "hunter2hunter2", ')
    api.put(scale_set(), document(os_profile={"adminPassword": 17}))
    assert "hunter2hunter2" not in caplog.text and api.token not in caplog.text


def test_a_wrong_secret_is_in_the_audit_trail(api: Api) -> None:
    before = AuditEntry.objects.count()
    for _ in range(3):
        assert api.ask_token(client_secret="Wrong-1").status == 401
    row = AuditEntry.objects.order_by("-pk")[0]
    assert AuditEntry.objects.count() == before + 1
    assert (row.code, row.outcome, row.path, row.who) == ("TokenRefused", "refused", api.name, "nobody")
    assert "Wrong-1" not in str(list(AuditEntry.objects.values()))
