"""What clients read before they have a token, and what they may expect of tokens: as Azure's own."""

from datetime import timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from jwt.types import Options

from tests.arm.client import Api, is_error
from tests.stories import NOW
from upgrades.arm import clock, tokens
from upgrades.arm.tokens import Issuer
from upgrades.commands import token_keys
from upgrades.commands.access import create_client, renew_secret
from upgrades.models import ApiClient, TokenKey
from upgrades.models.token_keys import KEPT_AFTER_RENEWAL, in_force

pytestmark = pytest.mark.django_db
HERE = "http://testserver"


def read(api: Api, path: str, status: int = 200) -> Any:
    said = api.raw("GET", path.removeprefix(HERE), token="")
    assert said.status == status, said
    return said.body


def openid(api: Api, tenant: str = "") -> Any:
    return read(api, f"/{tenant or api.tenant}/v2.0/.well-known/openid-configuration")


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["", "common", "organizations"])
def test_the_discovery_document_has_all_that_openid_asks_for(api: Api, tenant: str) -> None:
    """OpenID Connect Discovery 1.0, section 3, the required ones; MSAL for JavaScript refuses a document that lacks one."""
    found = openid(api, tenant)
    assert found["issuer"] == f"{HERE}/{api.tenant}/v2.0"
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"):
        assert found[name].startswith(f"{HERE}/{tenant or api.tenant}/"), name
    assert found["subject_types_supported"] == ["pairwise"]
    assert found["id_token_signing_alg_values_supported"] == ["RS256"]
    for name in ("response_types_supported", "scopes_supported", "claims_supported", "response_modes_supported"):
        assert found[name] and all(isinstance(value, str) for value in found[name]), name


@pytest.mark.parametrize("path", ["{t}/v2.0", "{t}", "common", "adfs"])
def test_a_token_is_verified_with_the_discovery_document_alone(api: Api, path: str) -> None:
    """As a stranger does it: the issuer, the keys, the algorithm, and the audience that was asked for."""
    found = read(api, f"/{path.format(t=api.tenant)}/.well-known/openid-configuration")
    form = {"client_id": str(api.client.pk), "client_secret": api.secret, "grant_type": "client_credentials"}
    asked = {"scope": f"{HERE}/.default"} if "v2.0" in path else {"resource": HERE}
    token = api.http.post(found["token_endpoint"].removeprefix(HERE), {**form, **asked}).json()["access_token"]
    keys = {public_key["kid"]: public_key for public_key in read(api, found["jwks_uri"])["keys"]}
    key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])
    ignored: Options = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
    }  # the stories have a time of their own
    claims = jwt.decode(
        token,
        key.key,
        algorithms=found["id_token_signing_alg_values_supported"],
        issuer=found["issuer"],
        audience=HERE,
        options=ignored,
    )
    assert claims["ver"] == ("2.0" if "v2.0" in path else "1.0")
    assert api.get("", token=token).status == 200


def test_keys_are_served_at_the_older_address_too(api: Api) -> None:
    same = read(api, f"/{api.tenant}/discovery/v2.0/keys")
    for path in ("/common/discovery/keys", "/common/discovery/v2.0/keys", "/discovery/v2.0/keys", "/discovery/keys"):
        assert read(api, path) == same
    (key,) = same["keys"]
    assert {"kty", "use", "kid", "n", "e", "alg", "issuer"} == set(key), "and nothing private"


def test_a_key_exists_before_the_first_token(api: Api) -> None:
    token_keys.end_all_tokens()
    assert len(read(api, "/common/discovery/v2.0/keys")["keys"]) == 1


def test_the_claims_that_azures_clients_read(api: Api) -> None:
    claims = jwt.decode(api.token, options={"verify_signature": False})
    assert claims["oid"] == claims["appid"] == claims["sub"] == str(api.client.pk)
    assert (claims["tid"], claims["idtyp"], claims["ver"]) == (api.tenant, "app", "2.0")
    assert claims["aud"] == "https://management.azure.com" and claims["uti"]
    assert claims["iss"] == claims["idp"] == f"{HERE}/{api.tenant}/v2.0"
    texts = ("aud", "iss", "appid", "appidacr", "idp", "idtyp", "oid", "sub", "tid", "uti", "ver")
    assert all(isinstance(claims[name], str) for name in texts)


@pytest.mark.parametrize("version", ["2018-05-01", "2019-05-01", "2020-06-01", "2022-09-01", "2030-01-01", ""])
def test_metadata_leads_to_everything(api: Api, version: str) -> None:
    found = read(api, f"/metadata/endpoints?api-version={version}")
    if version in ("2018-05-01", "2019-05-01"):
        (found,) = found
    assert found["resourceManager"] == found["authentication"]["loginEndpoint"] == HERE
    assert found["authentication"]["audiences"][0] == HERE and found["name"]
    assert (found["authentication"]["tenant"], found["authentication"]["identityProvider"]) == ("common", "AAD")
    assert found["microsoftGraphResourceId"] == HERE
    for suffix in ("storage", "keyVaultDns"):
        assert found["suffixes"][suffix].endswith(".rollgrid.invalid"), "a name that leads nowhere"
    assert "vmImageAliasDoc" not in found


def test_metadata_in_its_first_shape(api: Api) -> None:
    found = read(api, "/metadata/endpoints?api-version=2015-01-01")
    assert found["authentication"]["loginEndpoint"] == f"{HERE}/"
    assert {"galleryEndpoint", "graphEndpoint", "portalEndpoint", "authentication"} <= set(found)


def test_instance_discovery_knows_this_host_alone(api: Api) -> None:
    found = read(
        api, f"/common/discovery/instance?api-version=1.1&authorization_endpoint={HERE}/x/oauth2/v2.0/authorize"
    )
    assert found["tenant_discovery_endpoint"] == f"{HERE}/common/v2.0/.well-known/openid-configuration"
    assert found["metadata"][0]["aliases"] == ["testserver"]


def test_an_unknown_tenant_is_not_found(api: Api) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    for path in ("v2.0/.well-known/openid-configuration", ".well-known/openid-configuration", "discovery/v2.0/keys"):
        assert read(api, f"/{other}/{path}", 400)["error"] == "invalid_tenant"
    form = {"client_id": str(api.client.pk), "client_secret": api.secret, "grant_type": "client_credentials"}
    answer = api.http.post(f"/{other}/oauth2/v2.0/token", form)
    assert answer.status_code == 400 and "AADSTS90002" in answer.json()["error_description"]


@pytest.mark.parametrize("what", ["authorize", "logout", "devicecode"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signing_people_in_is_refused_as_oauth_says(api: Api, method: str, what: str) -> None:
    said = api.raw(method, f"/common/oauth2/v2.0/{what}", token="")
    assert (said.status, said["error"]) == (400, "unsupported_grant_type")


# --- whom a token is for ----------------------------------------------------------------------------------------------


def issued(api: Api, *, tenant: str = "", issuer: str = "", audience: str = HERE) -> str:
    signed_by = Issuer(issuer or f"{HERE}/{api.tenant}/v2.0", "2.0")
    return tokens.issue(api.client, tenant or api.tenant, NOW, issuer=signed_by, audience=audience)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "audience",
    [
        HERE,
        f"{HERE}/",
        "https://testserver:8443",
        "https://management.azure.com",
        "https://management.azure.com/",
        "https://MANAGEMENT.core.windows.net/",
    ],
)
def test_audiences_of_this_api(api: Api, audience: str) -> None:
    assert api.get("", token=issued(api, audience=audience)).status == 200
    assert api.get("", token=api.ask_token(scope=f"{audience}/.default")["access_token"]).status == 200


@pytest.mark.parametrize(
    "audience",
    [
        "https://graph.microsoft.com",
        "https://vault.azure.net",
        "https://testserver.example.com",
        "https://[",
        "testserver",
    ],
)
def test_a_token_for_something_else_opens_nothing(api: Api, audience: str) -> None:
    is_error(api.get("", token=issued(api, audience=audience)), 401, "AuthenticationFailed", "audience")
    assert api.ask_token(scope=f"{audience}/.default").status == 200, "it is granted, for whoever takes it"


def test_a_token_for_nothing_named_is_for_this_api(api: Api) -> None:
    assert api.get("", token=api.ask_token(scope="")["access_token"]).status == 200
    words = f"openid profile {HERE}/.default offline_access"
    assert api.get("", token=api.ask_token(scope=words)["access_token"]).status == 200


def test_all_names_of_this_server_are_audiences(api: Api, settings: LazySettings) -> None:
    token = issued(api, audience="https://rollgrid.example.com:8443")
    is_error(api.get("", token=token), 401, "AuthenticationFailed", "audience")
    settings.ALLOWED_HOSTS = ["testserver", ".example.com", "*"]
    assert api.get("", token=token).status == 200
    is_error(api.get("", token=issued(api, audience="https://graph.microsoft.com")), 401, "AuthenticationFailed")


@pytest.mark.parametrize(
    "issuer",
    [
        f"{HERE}/11111111-2222-3333-4444-555555555555/v2.0",
        HERE,
        "x",
        "https://[",
        f"{HERE}/{{t}}/v3.0",
        f"{HERE}/common/v2.0",
    ],
)
def test_tokens_of_another_issuer_are_refused(api: Api, issuer: str) -> None:
    token = issued(api, issuer=issuer.format(t=api.tenant))
    is_error(api.get("", token=token), 401, "AuthenticationFailed", "issuer")


def test_tokens_of_another_tenant_are_refused(api: Api) -> None:
    token = issued(api, tenant="11111111-2222-3333-4444-555555555555")
    is_error(api.get("", token=token), 401, "AuthenticationFailed", "tenant")


def test_a_token_of_before_keys_were_kept_is_refused_with_a_way_out(api: Api) -> None:
    claims = {"sub": str(api.client.pk), "ver": 0, "iat": 0, "exp": 2**40, "aud": HERE}
    said = api.get("", token=jwt.encode(claims, "k" * 32, algorithm="HS256"))
    is_error(said, 401, "AuthenticationFailed", "fetch a new one")
    assert "insufficient_claims" in said.headers["WWW-Authenticate"]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_renewed_and_the_old_one_counts_until_its_tokens_have_ended(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, (first,) = api.token, TokenKey.objects.all()
    later = NOW + token_keys.RENEW_AFTER
    monkeypatch.setattr(clock, "now", lambda: later)
    before = token_keys.signing_key(later - timedelta(seconds=1))
    new = api.fetch_token()
    assert before == first and jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert len(read(api, "/common/discovery/v2.0/keys")["keys"]) == 2
    assert api.get("", token=new).status == 200
    much_later = later + KEPT_AFTER_RENEWAL
    assert in_force(much_later) == [token_keys.signing_key(much_later)]
    token_keys.signing_key(later + token_keys.RENEW_AFTER)
    assert not TokenKey.objects.filter(pk=first.pk).exists()


def test_private_keys_are_sealed_at_rest(api: Api) -> None:
    (row,) = TokenKey.objects.all()
    assert "PRIVATE" not in row.sealed_key and row.sealed_key.startswith("gAAAA")


def test_ending_all_tokens(api: Api) -> None:
    call_command("end_tokens", stdout=StringIO())
    is_error(api.get(""), 401, "AuthenticationFailed", "fetch a new one")
    assert api.get("", token=api.fetch_token()).status == 200


def test_no_secret_begins_like_an_option(db: None) -> None:
    """One in 64 random texts begins with "-", which `az login --password` takes for an option."""
    row, secret = create_client("many", ApiClient.Role.VIEWER, NOW)
    for _ in range(500):
        assert secret[0].isalnum() and len(secret) == 43
        _, secret = renew_secret(row.name)
