"""Secrets at rest: encrypted with a key derived from SECRET_KEY; read with those of SECRET_KEY_FALLBACKS too."""

import base64
import json
from collections.abc import Mapping
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The secrets were sealed with a key that is no longer known."""


def seal(secrets: Mapping[str, object]) -> str:
    """Encrypt secrets into text that only this installation can open; "" for no secrets."""
    return _box(_keys()).encrypt(json.dumps(secrets).encode()).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, object]:
    """Decrypt what `seal` returned. Raises Unreadable."""
    if not sealed:
        return {}
    try:
        opened: dict[str, object] = json.loads(_box(_keys()).decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable(
            "secrets were sealed with another ROLLGRID_SECRET_KEY; list it under SECRET_KEY_FALLBACKS or put the scale set again"
        ) from None
    return opened


def _keys() -> tuple[str, ...]:
    return tuple(str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"rollgrid sealed secrets").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
