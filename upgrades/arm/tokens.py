"""Bearer tokens: signed with a key made of Django's SECRET_KEY, so that they survive restarts; worth nothing once their client's
secret was renewed or the client revoked.
"""

import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from jwt.types import Options

from upgrades.models import ApiClient

LIFETIME = timedelta(hours=1)
ALGORITHM = "HS256"
OPTIONS: Options = {
    "require": ["exp", "iat", "sub", "ver"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_aud": False,
}


def issue(client: ApiClient, tenant: uuid.UUID, now: datetime, *, issuer: str, audience: str) -> str:
    claims = {
        "iss": issuer,
        "aud": audience,
        "tid": str(tenant),
        "sub": str(client.pk),
        "appid": str(client.pk),
        "ver": client.token_number,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, _keys()[0], algorithm=ALGORITHM)


def client_of(token: str, now: datetime) -> ApiClient | None:
    """Whose token it is, in one query; None where it is nobody's, or nobody's any more."""
    claims = _claims(token)
    if claims is None or not claims["iat"] <= now.timestamp() < claims["exp"]:  # the time is the caller's
        return None
    row = ApiClient.objects.filter(pk=claims["sub"], revoked_at=None).first()
    return row if row and row.token_number == claims["ver"] else None


def _claims(token: str) -> dict[str, Any] | None:
    """What a token of ours says."""
    for key in _keys():
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=OPTIONS)
        except jwt.PyJWTError:
            continue
        return claims
    return None


def _keys() -> tuple[bytes, ...]:
    return tuple(_derive(str(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@cache
def _derive(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"rollgrid tokens").derive(key.encode())
