"""API clients: who may use the API, and with what secret."""

import hmac
from datetime import datetime

from django.db import IntegrityError, transaction

from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core.auditing import ObjectKind
from upgrades.core.random_tokens import new_token, token_hash
from upgrades.models import ApiClient

MAX_NAME_LENGTH = 150


@audited("ApiClientCreated", ObjectKind.API_CLIENT)
def create_client(name: str, role: ApiClient.Role, now: datetime) -> tuple[ApiClient, str]:
    """Create a client. Returns (client, secret); the secret cannot be read again. Raises Refused where the name is bad or in use."""
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        message = (
            f"a client's name must have 1 to {MAX_NAME_LENGTH} printable characters, not {name[:MAX_NAME_LENGTH]!r}"
        )
        raise Refused("InvalidParameter", message, target="name")
    secret = new_token()
    if ApiClient.objects.filter(name=name).exists():
        raise _name_in_use(name)
    try:
        with transaction.atomic():
            row = ApiClient.objects.create(name=name, role=role, secret_hash=token_hash(secret), created_at=now)
            note(f"Created the API client {name}, which {row.role_says}.", after={"role": row.role}, object_id=row.pk)
    except IntegrityError:  # somebody else has created it since the check above
        raise _name_in_use(name) from None
    return row, secret


def _name_in_use(name: str) -> Refused:
    message = f"there is a client {name!r} already; give it a new secret, or revoke it"
    return Refused("Conflict", message, target="name")


@audited("ApiClientSecretRenewed", ObjectKind.API_CLIENT)
def renew_secret(name: str) -> tuple[ApiClient, str]:
    """Give a client a new secret. Returns (client, secret). The old secret and all its tokens end; a revoked client is let in again."""
    with transaction.atomic():
        row, secret = _find(name), new_token()
        summary = f"Gave the API client {name} a new secret; the old one and its tokens ended."
        note(
            summary,
            before={"revoked": row.revoked_at, "secret": row.token_number},
            after={"revoked": None, "secret": row.token_number + 1},
            object_id=row.pk,
        )
        row.secret_hash, row.revoked_at = token_hash(secret), None
        row.token_number += 1
        row.save(update_fields=["secret_hash", "revoked_at", "token_number"])
    return row, secret


@audited("ApiClientRevoked", ObjectKind.API_CLIENT)
def revoke_client(name: str, now: datetime) -> ApiClient:
    """End a client's secret and all its tokens. Raises Refused where there is no such client."""
    with transaction.atomic():
        row = _find(name)
        before, row.revoked_at = row.revoked_at, row.revoked_at or now
        row.token_number += 1
        row.save(update_fields=["revoked_at", "token_number"])
        summary = f"Revoked the API client {name} with its tokens."
        note(summary, before={"revoked": before}, after={"revoked": row.revoked_at}, object_id=row.pk)
    return row


def _find(name: str) -> ApiClient:
    row = ApiClient.objects.filter(name=name).first()
    if row is None:
        names = ", ".join(ApiClient.objects.values_list("name", flat=True)[:10]) or "none yet"
        raise Refused("ResourceNotFound", f"there is no client {name!r}; there are: {names}", target="name")
    return row


def is_secret_of(row: ApiClient, secret: str) -> bool:
    """Is this the client's secret? Never that of a revoked client."""
    return row.revoked_at is None and hmac.compare_digest(row.secret_hash, token_hash(secret))
