"""Environment variables, read by small typed helpers that fail loudly. environment.py says which there are."""

import ipaddress
import os
import re
from urllib.parse import urlsplit

MAX_NUMBER = 10 * 365 * 24 * 3600  # ten years in seconds: a longer time is a slip, and could overflow dates
MAX_HOST_LENGTH = 253  # bytes of a name in the DNS
HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


class BadEnvironment(Exception):
    """An environment variable has a value that cannot be used, or a name that looks like a slip of one of ours."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    given = text(name).lower()
    if given in {"1", "true", "yes", "on"}:
        return True
    if given in {"0", "false", "no", "off"}:
        return False
    if not given:
        return default
    raise BadEnvironment(f"{name} is a switch: 1 or 0, not {given!r}")


def whole_number(name: str, default: int, *, minimum: int = 0, maximum: int = MAX_NUMBER) -> int:
    given = text(name)
    if not given:
        return default
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(maximum))
    if not is_number or not minimum <= int(given) <= maximum:
        raise BadEnvironment(f"{name} must be a whole number from {minimum} to {maximum}, got {given[:40]!r}")
    return int(given)


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def url(name: str, default: str, schemes: tuple[str, ...]) -> str:
    """A URL with one of these schemes. It may have a password in it, so errors show the scheme only."""
    given = text(name, default)
    scheme = given.partition(":")[0]
    if "://" not in given or scheme not in schemes:
        raise BadEnvironment(f"{name} begins with {', '.join(s + '://' for s in schemes)}; not with {scheme[:20]!r}")
    try:
        urlsplit(given).port  # noqa: B018  asking for it is what checks it
    except ValueError as error:
        raise BadEnvironment(f"{name} is not a URL: {error}") from None
    return given


def is_host(name: str) -> bool:
    """Whether this is a host as browsers send it: a name in ASCII, an IPv4 address, or an IPv6 address in brackets."""
    if name.startswith("[") and name.endswith("]"):
        try:
            return bool(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return False
    return len(name) <= MAX_HOST_LENGTH and bool(HOST.fullmatch(name))
