"""Bearer tokens: signed with a key that the database keeps (RS256), so that they survive restarts and anybody can verify them; worth
nothing once their client's secret was renewed or the client revoked.
"""

import base64
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.http.request import validate_host
from django.urls import get_script_prefix
from jwt.types import Options

from upgrades.commands.token_keys import signing_key
from upgrades.models import ApiClient, Subscription, TokenKey, sealing
from upgrades.models.token_keys import in_force

LIFETIME = timedelta(hours=1)
# One of the future was issued before this clock was set back, and clients go on using it for as long as it was promised. Nothing sets a
# clock back by more than the farthest time zone, unless it was quite wrong; and then the token would be good for as long.
MAX_SET_BACK = timedelta(hours=14)
ALGORITHM = "RS256"
OPTIONS: Options = {
    "require": ["exp", "iat", "nbf", "sub", "aud", "iss", "tid", "num"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}
# What Azure's clients ask tokens for unless they are told otherwise; the last one is the id of Azure Resource Manager itself.
AZURES_AUDIENCES = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    }
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: `address` is what the discovery document calls the issuer, `version` that of the token endpoint ("1.0", "2.0")."""

    address: str
    version: str


class Refused(Exception):
    """The token opens nothing. The message says what is wrong with it."""


def issue(client: ApiClient, tenant: uuid.UUID, now: datetime, *, issuer: Issuer, audience: str) -> str:
    """A signed token with the claims that Azure's have. `num` is ours: the client's count of secrets."""
    issued_at, client_id = int(now.timestamp()), str(client.pk)
    claims = {
        "aud": audience,
        "iss": issuer.address,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "app_displayname": client.name,
        "appid": client_id,
        "appidacr": "1",
        "azp": client_id,
        "azpacr": "1",
        "idp": issuer.address,
        "idtyp": "app",
        "oid": client_id,
        "sub": client_id,
        "tenant_region_scope": "WW",
        "tid": str(tenant),
        "uti": secrets.token_urlsafe(16),
        "ver": issuer.version,
        "num": client.token_number,
    }
    row = signing_key(now)
    return jwt.encode(claims, _private(row), algorithm=ALGORITHM, headers={"kid": row.pk.hex})


def client_of(token: str, now: datetime, *, host: str) -> ApiClient:
    """Whose token it is. `host`: the name under which this server was called. Raises Refused."""
    claims = _claims(token, now)
    if now.timestamp() >= claims["exp"]:
        raise Refused("it is expired")
    if claims["nbf"] > (now + MAX_SET_BACK).timestamp():
        raise Refused("it is not valid yet")
    _check_audience(str(claims["aud"]), host)
    _check_issuer(str(claims["iss"]), str(claims["tid"]))
    row = ApiClient.objects.filter(pk=claims["sub"], revoked_at=None).first()
    if row is None or row.token_number != claims["num"]:
        raise Refused("its client was revoked, or has another secret by now")
    return row


def _claims(token: str, now: datetime) -> dict[str, Any]:
    """What a token of ours says. Raises Refused."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        row = next((key for key in in_force(now) if key.pk.hex == kid), None)
        if row is None:
            raise Refused("it is signed with no key of this server")
        claims: dict[str, Any] = jwt.decode(token, _private(row).public_key(), algorithms=[ALGORITHM], options=OPTIONS)
    except jwt.PyJWTError:
        raise Refused("it is none of this server's") from None
    return claims


def _check_audience(audience: str, host: str) -> None:
    """Raises Refused for a token that was asked for something else than this API."""
    if audience.rstrip("/").lower() not in AZURES_AUDIENCES and not _is_here(audience, host):
        raise Refused(
            "it is meant for another audience: ask for one with the scope of this server, or https://management.azure.com"
        )


def _check_issuer(issuer: str, tenant: str) -> None:
    """Raises Refused for a token of another tenant. The host of its issuer may be any: this server has several names, and gets others."""
    ours = str(Subscription.objects.get().tenant_id)
    if tenant != ours:
        raise Refused("it is of another tenant")
    if _path(issuer) not in (f"/{ours}/v2.0", f"/{ours}/", "/adfs"):
        raise Refused("it is of another issuer")


def _path(address: str) -> str:
    """Below the sub-path of the front."""
    try:
        return urlsplit(address).path.removeprefix(get_script_prefix().rstrip("/"))
    except ValueError:
        return ""


def _is_here(address: str, host: str) -> bool:
    """Whether the address leads to this server, under any of its names."""
    try:
        parts = urlsplit(address)
        name = (parts.hostname or "").lower()
    except ValueError:
        return False
    names = [allowed_host for allowed_host in settings.ALLOWED_HOSTS if allowed_host != "*"]
    return parts.scheme in ("http", "https") and (name == _name(host) or validate_host(_bracketed(name), names))


def _name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "").lower()


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


# --- keys -------------------------------------------------------------------------------------------------------------


def public_keys(now: datetime) -> list[dict[str, str]]:
    """The keys that verify our tokens, each as a JSON Web Key (RFC 7517)."""
    signing_key(now)  # so that there is one before the first token
    return [_public(row) for row in in_force(now)]


def _public(row: TokenKey) -> dict[str, str]:
    numbers = _private(row).public_key().public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": row.pk.hex,
        "n": _encoded(numbers.n),
        "e": _encoded(numbers.e),
    }


def _encoded(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")


def _private(row: TokenKey) -> RSAPrivateKey:
    return _opened(row.sealed_key, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _opened(sealed: str, keys: Sequence[str]) -> RSAPrivateKey:
    """`keys`: those that it was sealed with, so that nothing is remembered beyond them."""
    loaded = load_pem_private_key(str(sealing.unseal(sealed)["pem"]).encode(), password=None)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded
