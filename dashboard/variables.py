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


# A host that may be called: a name, with `*` for a part of it, or a whole origin.
_NAME = r"(?:[\w*.-]*\w[\w*.-]*|\[[0-9a-f:.]+\])"
_CALLED_HOST = re.compile(rf"{_NAME}|https?://{_NAME}(?::[0-9]{{1,5}})?")


def hosts_to_call(name: str) -> list[str]:
    """Names of hosts, with `*` for a part of them, and origins such as http://10.0.0.5:8080; [] for none."""
    hosts = [each.rstrip("/").lower() for each in words(name)]
    for host in hosts:
        if not _CALLED_HOST.fullmatch(host):
            raise BadEnvironment(
                f"{name} lists host names such as downloads.example.com or *.blob.core.windows.net, and origins such as "
                f"http://storage:10000, without path, got {host[:80]!r}"
            )
    return hosts


def is_host(name: str) -> bool:
    """Whether this is a host as browsers send it: a name in ASCII, an IPv4 address, or an IPv6 address in brackets."""
    if name.startswith("[") and name.endswith("]"):
        try:
            return bool(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return False
    return len(name) <= MAX_HOST_LENGTH and bool(HOST.fullmatch(name))
