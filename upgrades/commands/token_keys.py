"""Creates, renews and deletes the keys that tokens are signed with."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import transaction

from upgrades.commands.audit import audited, note, unaudited
from upgrades.core.auditing import ObjectKind
from upgrades.models import TokenKey, sealing
from upgrades.models.token_keys import in_time, is_readable

RENEW_AFTER = timedelta(days=90)
BITS = 2048


@unaudited("the platform creates its own keys when it needs one")
def signing_key(now: datetime) -> TokenKey:
    """The key to sign with. The first call creates one, and the first call after RENEW_AFTER its successor.

    Two callers at the same time may each create a key: both are valid, and the newer one signs from then on.
    """
    rows = [row for row in TokenKey.objects.all() if is_readable(row)]
    if rows and now - rows[0].created_at < RENEW_AFTER:
        return rows[0]
    return _create(now)


@audited("ApiTokensEnded", ObjectKind.TOKENS)
def end_all_tokens() -> int:
    """End all tokens at once by deleting the keys; a new key is made for the next token. Returns how many keys there were."""
    with transaction.atomic():
        count, _ = TokenKey.objects.all().delete()
        note("Ended all tokens of the API.", before={"keys": count}, after={"keys": 0})
    return count


def _create(now: datetime) -> TokenKey:
    """Create a key, and delete the keys whose tokens have all expired."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    row = TokenKey.objects.create(sealed_key=sealing.seal({"pem": pem}), created_at=now)
    kept = [key.pk for key in in_time(TokenKey.objects.all(), now)]
    TokenKey.objects.exclude(pk__in=[*kept, row.pk]).delete()
    return row
