"""Who may read /metrics: this computer, whoever has the token, and staff who are signed in.

Metrics name scale sets, so they are not for everybody. A request counts as this computer's only if it came to a loopback address under a
loopback name, and no proxy had it before: behind a proxy all requests come from the proxy's address.
"""

import hmac
import ipaddress

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def may_read(request: HttpRequest) -> bool:
    """The database is read only for those who have neither the token nor are on this computer."""
    return _is_local(request) or _has_token(request) or _is_staff(request)


def _is_local(request: HttpRequest) -> bool:
    was_forwarded = getattr(request, "scope", {}).get("was_forwarded", False)
    if settings.EXTERNAL or was_forwarded:
        return False
    name = request.get_host().rpartition(":")[0] if not request.get_host().endswith("]") else request.get_host()
    return (name or request.get_host()) in LOOPBACK_NAMES and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted.encode())


def _is_staff(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff
