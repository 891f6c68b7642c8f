"""Makes requests by a seed: to every address that there is, API and pages, signed in and out, more or less wrong."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

from tests.fuzz.asking import Ask, Headers
from tests.fuzz.values import as_bytes, mutated, odd, text
from tests.stories import document, edited

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
FORM = b"application/x-www-form-urlencoded"
KINDS = (
    b"application/json",
    FORM,
    b"multipart/form-data; boundary=x",
    b"text/plain",
    b"",
    b"application/json; charset=utf-16",
    FORM + b"; charset=utf-7",
    FORM + b"; charset*=utf-8''%00",
    b"multipart/form-data",
    b"\xff",
    b"application/merge-patch+json",
)
HEADER_LINES = """
if-match: *
if-match: "x", W/"y"
if-none-match: *
if-none-match: \xff
range: bytes=0-
accept: */*;q=x
accept: text/html
accept-encoding: gzip;q=0, \xff
accept-language: \xff-\xff
origin: http://[x
origin: null
referer: \xff
host: [::1
host: evil.example
host:
x-forwarded-host: [
x-forwarded-for: \xff,,
x-forwarded-proto: gopher
forwarded: for=
hx-request: true
hx-current-url: http://[x
last-event-id: x.\xff
x-ms-correlation-request-id: \xff\x01
x-ms-client-request-id: \x7f
x-ms-return-client-request-id: true
x-http-method-override: DELETE
cookie: sessionid=\x01; csrftoken=
user-agent: \xff\xff\xff
authorization: Bearer
authorization: Bearer a.b.c
authorization: Basic \xff
authorization: bearer \x01
"""
ODD_HEADERS: Headers = [
    (name.encode(), value.strip().encode("latin1"))
    for name, _, value in (line.partition(":") for line in HEADER_LINES.strip().split("\n"))
]
VERSIONS = ("2018-10-01", "2017-03-30", "2021-04-01", "2024-07-01", "2014-04-01")
OF_THE_API = "api-version $filter $top $skiptoken $expand $select $orderby API-VERSION forceDeletion"
OF_PAGES = "set sets since only q o p e all page after next theme until format kind actor _popup"
OF_LISTS = """
    id__exact name__regex password__startswith scale_set__location__name published_at__year sku__id__exact _facets
"""
FILTERS = (
    *("resourceGroup eq 'a'", "name eq 'a' and", "properties/latestModelApplied eq true"),
    *("a" * 900, "'" * 50, "((((", "+" * 900, "\0"),
)
FIELDS = """
    ids reason until until_day scope version sku locations on username password next action _selected_action select_across index
    _save post name display_name provider rules settings document capacity limited_to publisher offer note owner client_id
    client_secret grant_type resource_group
"""
GARBAGE = "static .. %2e%2e %00 %ff admin ws feed %c0%af ; ? % subscriptions login ~ \\ " + "a" * 200
PROBE = {
    "properties": {
        "protocol": "Http",
        "port": 80,
        "requestPath": "/health",
        "intervalInSeconds": 5,
        "numberOfProbes": 2,
    }
}
ACCOUNT = {"adminUsername": "a", "adminPassword": "b", "customData": "YQ=="}
PROTECTION = {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}
POLICY: dict[str, Any] = {
    "mode": "Automatic",
    "automaticOSUpgradePolicy": {
        "enableAutomaticOSUpgrade": True,
        "useRollingUpgradePolicy": True,
        "osRollingUpgradeDeferral": True,
    },
    "rollingUpgradePolicy": {
        "maxBatchInstancePercent": 20,
        "maxUnhealthyInstancePercent": 20,
        "pauseTimeBetweenBatches": "PT5S",
    },
}


@dataclass(frozen=True)
class Guest:
    """With what somebody is signed in: a session of the pages, and a token of the API."""

    cookies: bytes
    csrf: str
    bearer: bytes
    subscription: str
    tenant: str


def bodies() -> tuple[Any, ...]:
    """Documents as clients send them."""
    return (
        document(capacity=3),
        document(capacity=3, probe="/health"),
        edited(document(capacity=2), "properties.upgradePolicy", POLICY),
        edited(document(capacity=2), "properties.virtualMachineProfile.osProfile", ACCOUNT),
        {"properties": {"upgradePolicy": POLICY}},
        {"properties": PROTECTION},
        {"location": "westeurope", "tags": {"a": "b"}},
        {"location": "westeurope", "properties": {"probes": [{"name": "probe", **PROBE}]}},
        {"instanceIds": ["0", "1"]},
        {"sku": {"capacity": 4}},
        {},
    )


def requests(seed: int, count: int, guest: Guest) -> Iterator[Ask]:
    """So many of them; the same for the same seed."""
    random = Random(seed)
    api = [
        _of_regex(pattern.pattern.regex.pattern) for pattern in _patterns() if isinstance(pattern.pattern, RegexPattern)
    ]
    pages = [str(pattern.pattern._route) for pattern in _patterns() if isinstance(pattern.pattern, RoutePattern)]  # type: ignore[attr-defined]
    pages = [page for page in pages if not page.startswith("admin/")]
    makers: tuple[Callable[[], Ask], ...] = (
        *([lambda: _of_api(random, random.choice(api), guest)] * 5),
        *([lambda: _of_page(random, random.choice(pages), guest)] * 3),
        *([lambda: _of_page(random, _of_admin(random), guest)] * 2),
        lambda: _of_page(random, _garbage(random), guest),
    )
    for _ in range(count):
        yield random.choice(makers)()


def _patterns() -> Iterator[URLPattern]:
    def walk(found: Any) -> Iterator[URLPattern]:
        for pattern in found:
            if isinstance(pattern, URLPattern):
                yield pattern
            elif not str(pattern.pattern).startswith("admin"):
                yield from walk(pattern.url_patterns)

    yield from walk(get_resolver().url_patterns)


def _of_regex(pattern: str) -> str:
    """ "^[/]*a/+(?P<b>[^/]+)/*$" as "a/<b>"."""
    plain = re.sub(r"\(\?P<(\w+)>\[\^/\]\+\)", r"<\1>", pattern)
    return (
        re.sub(r"\(\?:.*?\)\?", "/x", plain)
        .replace("^[/]*", "")
        .replace("/*$", "")
        .replace("/+", "/")
        .replace("\\", "")
        .rstrip("$")
    )


def _filled(random: Random, route: str, guest: Guest) -> str:
    known = {
        "subscription": guest.subscription,
        "tenant": guest.tenant,
        "group": "fleet",
        "location": "westeurope",
        "instance": "0",
        "number": "0",
    }

    def fill(match: re.Match[str]) -> str:
        name = match[1].split(":")[-1]
        usual = known.get(name, "web" if name == "name" else "")
        given = usual if usual and random.random() < 0.8 else text(random)
        return quote(given, safe="", errors="replace" if random.random() < 0.9 else "surrogatepass")

    return re.sub(r"<([\w:]+)>", fill, route)


def _of_admin(random: Random) -> str:
    model = random.choice(list(admin.site._registry))
    place = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
    rows = list(model._default_manager.values_list("pk", flat=True)[:3])
    key = quote(str(random.choice([*rows, *rows, text(random)])), safe="", errors="replace")
    return place + random.choice(
        (
            "",
            "",
            "add/",
            f"{key}/change/",
            f"{key}/delete/",
            f"{key}/history/",
            f"{key}/",
            "autocomplete/",
            "../../jsi18n/",
        )
    )


def _garbage(random: Random) -> str:
    return "/".join(random.choices(GARBAGE.split(), k=random.randint(1, 5)))


def _query(random: Random, names: list[str]) -> str:
    pairs = [
        (random.choice(names), random.choice(FILTERS) if random.random() < 0.2 else text(random))
        for _ in range(random.randint(0, 3))
    ]
    if random.random() < 0.02:
        pairs += [(f"n{number}", "1") for number in range(1100)]
    return urlencode(pairs, errors="replace") + random.choice(("", "", "", "&%ff=%00", "&a", "&&=", "&" + "a=" * 30))


def _headers(random: Random) -> Headers:
    return random.choices(ODD_HEADERS, k=random.choice((0, 0, 0, 1, 2)))


def _target(path: str, query: str) -> str:
    return f"/{path}?{query}" if query else f"/{path}"


def _of_api(random: Random, route: str, guest: Guest) -> Ask:
    query = _query(random, [*OF_THE_API.split(), ""])
    if random.random() < 0.9:
        query = f"api-version={random.choice(VERSIONS)}&{query}"
    body = random.choice(bodies())
    body = as_bytes(mutated(body, random) if random.random() < 0.9 else body, random)
    kind = b"application/json" if random.random() < 0.8 else random.choice(KINDS)
    if "oauth2" in route and random.random() < 0.8:
        body, kind = _form(random, ""), FORM
    signed = [(b"authorization", guest.bearer)] if random.random() < 0.9 else []
    method = random.choice(METHODS[:6] * 4 + METHODS)
    return Ask(
        method,
        _target(_filled(random, route, guest), query),
        [(b"content-type", kind), *signed, *_headers(random)],
        body,
    )


def _form(random: Random, csrf: str) -> bytes:
    def value() -> str:
        given = (
            odd(random)
            if random.random() < 0.3
            else random.choice(("0", "1", "0,1", "web", "true", "until", "delete_selected", "opt_out", text(random)))
        )
        return str(given)[:3000]

    pairs = [
        ("csrfmiddlewaretoken", csrf),
        *((random.choice(FIELDS.split()), value()) for _ in range(random.randint(0, 8))),
    ]
    if random.random() < 0.02:
        pairs += [(f"n{number}", "1") for number in range(1100)]
    return urlencode(pairs, errors=random.choice(("replace", "surrogatepass"))).encode()


def _of_page(random: Random, route: str, guest: Guest) -> Ask:
    names = OF_PAGES.split() + (OF_LISTS.split() if route.startswith("admin") else [])
    method = random.choice(("GET", "GET", "POST", "POST", "POST", *METHODS))
    kind = FORM if random.random() < 0.85 else random.choice(KINDS)
    signed = (
        [(b"cookie", guest.cookies)] if random.random() < 0.85 else [(b"cookie", f"csrftoken={guest.csrf}".encode())]
    )
    body = as_bytes(mutated(bodies()[0], random), random) if random.random() < 0.05 else _form(random, guest.csrf)
    headers = [(b"content-type", kind), *signed, *_headers(random)]
    return Ask(
        method,
        _target(_filled(random, route, guest), _query(random, names)),
        headers,
        body if method not in ("GET", "HEAD") else b"",
    )
