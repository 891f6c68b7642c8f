"""What clients read before they have a token: where everything is, who signs tokens, and with which keys. As whole as Azure's own."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from upgrades.arm import clock, tokens
from upgrades.arm.addresses import absolute
from upgrades.arm.answers import Answer
from upgrades.arm.requests import without_token
from upgrades.arm.tokens import Issuer
from upgrades.installation import PROGRAM
from upgrades.models import Subscription

ADFS = "adfs"
# Names under which clients ask for the one tenant that there is.
ANY_TENANT = frozenset({"common", "organizations", ADFS})
# Services that we do not have. Names below .invalid lead nowhere (RFC 2606), so that no secret follows a name that is made of one.
NO_SUCH_DOMAIN = "rollgrid.invalid"
SUFFIXES = {
    "acrLoginServer": f"acr.{NO_SUCH_DOMAIN}",
    "attestationEndpoint": f"attest.{NO_SUCH_DOMAIN}",
    "azureDataLakeAnalyticsCatalogAndJob": f"datalakeanalytics.{NO_SUCH_DOMAIN}",
    "azureDataLakeStoreFileSystem": f"datalakestore.{NO_SUCH_DOMAIN}",
    "azureFrontDoorEndpointSuffix": f"frontdoor.{NO_SUCH_DOMAIN}",
    "keyVaultDns": f"vault.{NO_SUCH_DOMAIN}",
    "mariadbServerEndpoint": f"mariadb.{NO_SUCH_DOMAIN}",
    "mhsmDns": f"managedhsm.{NO_SUCH_DOMAIN}",
    "mysqlServerEndpoint": f"mysql.{NO_SUCH_DOMAIN}",
    "postgresqlServerEndpoint": f"postgres.{NO_SUCH_DOMAIN}",
    "sqlServerHostname": f"database.{NO_SUCH_DOMAIN}",
    "storage": f"core.{NO_SUCH_DOMAIN}",
    "storageSyncEndpointSuffix": f"afs.{NO_SUCH_DOMAIN}",
    "synapseAnalytics": f"azuresynapse.{NO_SUCH_DOMAIN}",
}
# All lead to this server, which says of each that it is not there. Without `vmImageAliasDoc` the Azure CLI takes its own list.
SERVICES = """
    activeDirectoryDataLake appInsightsResourceId appInsightsTelemetryChannelResourceId attestationResourceId batch gallery graph
    graphAudience logAnalyticsResourceId media microsoftGraphResourceId ossrDbmsResourceId portal sqlManagement
    synapseAnalyticsResourceId
"""
FIRST_WITH_ALL = "2018-05-01"  # the versions before have a shape of their own
LISTS = ("2018-05-01", "2020-01-01")  # versions from the first to before the second answer a list of clouds


def endpoints(request: HttpRequest) -> Answer:
    """GET /metadata/endpoints?api-version=...: this "cloud", in the shape of that version."""
    here = absolute(request).rstrip("/")
    version = request.GET.get("api-version", "")[:10] or "2022-09-01"
    if version < FIRST_WITH_ALL:
        return Answer(_first_shape(here))
    first, end = LISTS
    return Answer([_cloud(here)] if first <= version < end else _cloud(here))


def _audiences(here: str) -> list[str]:
    """The Azure CLI asks for the first one."""
    return [here, "https://management.core.windows.net/", "https://management.azure.com/"]


def _first_shape(here: str) -> dict[str, Any]:
    """Of 2015-01-01. The login endpoint ends in a slash: clients of that time put the tenant behind it."""
    return {
        "galleryEndpoint": here,
        "graphEndpoint": here,
        "portalEndpoint": here,
        "graphAudience": here,
        "authentication": {"loginEndpoint": f"{here}/", "audiences": _audiences(here)},
    }


def _cloud(here: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(SERVICES.split(), here),
        "name": "Rollgrid",
        "resourceManager": here,
        "authentication": {
            "loginEndpoint": here,
            "audiences": _audiences(here),
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": SUFFIXES,
    }


# --- the tenant -------------------------------------------------------------------------------------------------------


def tenant_of(given: str) -> str | None:
    """The tenant's id, where that is what was asked for; None for another tenant."""
    ours = str(Subscription.objects.get().tenant_id)
    return ours if given.lower() in ANY_TENANT or given.lower() == ours else None


def _for_our_tenant(view: Callable[[HttpRequest, str], Answer]) -> Callable[..., HttpResponse]:
    """A view that refuses other tenants as OAuth has it, not as Azure Resource Manager does."""

    def answer(request: HttpRequest, tenant: str) -> Answer:
        if tenant_of(tenant) is None:
            message = f"AADSTS90002: Tenant '{tenant[:80]}' not found. {PROGRAM} api_client prints the one there is."
            return Answer({"error": "invalid_tenant", "error_description": message}, 400)
        return view(request, tenant)

    return without_token(answer)


def issuer_of(request: HttpRequest, given: str, *, is_v2: bool) -> Issuer:
    """Of the tokens which that token endpoint grants: what its discovery document says."""
    if given.lower() == ADFS:
        return Issuer(absolute(request, f"/{ADFS}"), "1.0")
    base = absolute(request, f"/{Subscription.objects.get().tenant_id}")
    return Issuer(f"{base}/v2.0", "2.0") if is_v2 else Issuer(f"{base}/", "1.0")


# --- OpenID -----------------------------------------------------------------------------------------------------------

CLAIMS = """
    sub iss cloud_instance_name cloud_instance_host_name cloud_graph_host_name msgraph_host aud exp iat auth_time acr nonce
    preferred_username name tid ver at_hash c_hash email
"""


def openid_v2(request: HttpRequest, tenant: str) -> Answer:
    """GET /{tenant}/v2.0/.well-known/openid-configuration"""
    return _openid(request, tenant, is_v2=True)


def openid(request: HttpRequest, tenant: str) -> Answer:
    """GET /{tenant}/.well-known/openid-configuration: of the first version, and of AD FS."""
    return _openid(request, tenant, is_v2=False)


def _openid(request: HttpRequest, given: str, *, is_v2: bool) -> Answer:
    base, here = absolute(request, f"/{given}"), request.get_host()
    oauth, keys = (
        (f"{base}/oauth2/v2.0", f"{base}/discovery/v2.0") if is_v2 else (f"{base}/oauth2", f"{base}/discovery")
    )
    return Answer(
        {
            "issuer": issuer_of(request, given, is_v2=is_v2).address,
            "authorization_endpoint": f"{oauth}/authorize",
            "token_endpoint": f"{oauth}/token",
            "device_authorization_endpoint": f"{oauth}/devicecode",
            "end_session_endpoint": f"{oauth}/logout",
            "jwks_uri": f"{keys}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token", "token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [tokens.ALGORITHM],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "claims_supported": CLAIMS.split(),
            "request_uri_parameter_supported": False,
            "http_logout_supported": False,
            "frontchannel_logout_supported": False,
            "tenant_region_scope": "WW",
            "cloud_instance_name": here,
            "cloud_graph_host_name": here,
            "msgraph_host": here,
        }
    )


def keys(request: HttpRequest, tenant: str) -> Answer:
    """GET /{tenant}/discovery/v2.0/keys: a JSON Web Key Set. Every tenant has the same."""
    return all_keys(request)


def all_keys(request: HttpRequest) -> Answer:
    issuer = issuer_of(request, "common", is_v2=True).address
    return Answer({"keys": [{**public_key, "issuer": issuer} for public_key in tokens.public_keys(clock.now())]})


def instance(request: HttpRequest, tenant: str) -> Answer:
    """GET /common/discovery/instance?api-version=1.1&authorization_endpoint=...: which hosts are one authority. We are alone."""
    here = request.get_host()
    return Answer(
        {
            "tenant_discovery_endpoint": absolute(request, f"/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": here, "preferred_cache": here, "aliases": [here]}],
        }
    )


ENDPOINTS = without_token(endpoints)
OPENID_V2 = _for_our_tenant(openid_v2)
OPENID = _for_our_tenant(openid)
KEYS = _for_our_tenant(keys)
ALL_KEYS = without_token(all_keys)
INSTANCE = _for_our_tenant(instance)
