"""What a request looked like before the proxies, and who is believed about it."""

import asyncio
from typing import Any

import pytest

from dashboard.environment import BadEnvironment, External, external_url, trusted_proxies
from dashboard.proxy_headers import RestoredRequests

OUTSIDE = External("https", "rollgrid.example.com", "")
BELOW = External("https", "example.com:8443", "/tools/rollgrid")
PROXY, STRANGER = "10.0.0.7", "203.0.113.5"


def seen(
    external: External | None, peer: str = PROXY, path: str = "/login/", kind: str = "http", **headers: str
) -> Any:
    """The scope that comes out: (scheme, host, client's address, path, names of all headers)."""
    found: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "client": [peer, 1], "headers": given, "path": path, "root_path": "//evil.example"}
    if kind == "http":
        scope["scheme"] = "http"
    networks = trusted_proxies()
    asyncio.run(RestoredRequests(application, external, networks)(scope, None, None))
    out = found[0]
    names = {name.decode() for name, _ in out["headers"]}
    host = dict(out["headers"]).get(b"host", b"").decode()
    return out["scheme"], host, out["client"][0], out["root_path"], out["path"], names


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGRID_TRUSTED_PROXIES", "10.0.0.0/24, 2001:db8::7")


SAID = {"x_forwarded_for": f"9.9.9.9, {STRANGER}", "x_forwarded_proto": "https", "x_forwarded_host": "a.example"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"host": "rollgrid.example.com", **SAID}, ("https", "rollgrid.example.com", STRANGER)),
        (
            {"host": "rollgrid.example.com:443", "x_forwarded_for": STRANGER},
            ("https", "rollgrid.example.com", STRANGER),
        ),
        ({"host": "127.0.0.1:8000", "x_forwarded_for": STRANGER}, ("https", "rollgrid.example.com", STRANGER)),
        ({"host": "ROLLGRID.example.com"}, ("https", "rollgrid.example.com", PROXY)),
        ({"host": "127.0.0.1:8000"}, ("http", "127.0.0.1:8000", PROXY)),  # somebody on the proxy's own machine
    ],
)
def test_the_external_address_counts_for_people(said: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert seen(OUTSIDE, **said)[:3] == expected


@pytest.mark.parametrize("external", [None, OUTSIDE, BELOW])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_headers_of_strangers_are_ignored(external: External | None, kind: str) -> None:
    scheme, host, address, _, _, names = seen(
        external, STRANGER, kind=kind, host="b.example", x_real_ip="1.1.1.1", **SAID
    )
    assert (scheme, host, address) == ("ws" if kind == "websocket" else "http", "b.example", STRANGER)
    assert names == {"host"}


def test_trusted_proxies_give_the_address_if_none_is_set() -> None:
    assert seen(None, host="127.0.0.1:8000", **SAID)[:3] == ("https", "a.example", STRANGER)
    ported = {**SAID, "x_forwarded_host": "a.example", "x_forwarded_port": "8443"}
    assert seen(None, host="127.0.0.1:8000", **ported)[1] == "a.example:8443"
    assert seen(None, host="b.example:443", x_forwarded_proto="https")[:2] == ("https", "b.example")
    assert seen(None, host="b.example", x_forwarded_proto="gopher")[:2] == ("http", "b.example")
    assert seen(None, kind="websocket", host="x", **SAID)[:2] == ("wss", "a.example")


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (f"1.1.1.1, {STRANGER}, 10.0.0.9", STRANGER),
        (f"{STRANGER}:4711", STRANGER),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1, 2001:db8::7", "2001:db8::1"),
        (f"::ffff:{STRANGER}", STRANGER),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("1.1.1.1, nonsense, 10.0.0.9", "10.0.0.9"),
        ("nonsense", PROXY),
        ("", PROXY),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy_of_ours(chain: str, address: str) -> None:
    assert seen(OUTSIDE, x_forwarded_for=chain)[2] == address


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/tools/rollgrid/login/", "/tools/rollgrid/login/"),
        ("/login/", "/tools/rollgrid/login/"),
        ("/tools/rollgrid", "/tools/rollgrid/"),
        ("/tools/rollgridder/", "/tools/rollgrid/tools/rollgridder/"),
        ("/", "/tools/rollgrid/"),
    ],
)
@pytest.mark.parametrize("peer", [PROXY, STRANGER])
def test_a_sub_path_is_there_whether_the_proxy_takes_it_off_or_not(asked: str, path: str, kind: str, peer: str) -> None:
    assert seen(BELOW, peer, asked, kind)[3:5] == ("/tools/rollgrid", path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://Example.com", External("https", "example.com", "")),
        ("https://example.com:443/", External("https", "example.com", "")),
        ("http://example.com:8000/a/b/", External("http", "example.com:8000", "/a/b")),
        ("https://[2001:DB8::1]:444", External("https", "[2001:db8::1]:444", "")),
    ],
)
def test_the_external_address_is_read(monkeypatch: pytest.MonkeyPatch, given: str, expected: External) -> None:
    monkeypatch.setenv("ROLLGRID_EXTERNAL_URL", given)
    assert external_url() == expected


@pytest.mark.parametrize(
    "given",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://a/?b",
        "https://a/#b",
        "https://u:p@a",
        "https://a:x",
        "https://a//b",
        "https://a/b c",
    ],
)
def test_invalid_external_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_EXTERNAL_URL", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_EXTERNAL_URL"):
        external_url()


@pytest.mark.parametrize("given", ["proxy", "10.0.0.1/33", "10.0.0.1/8", "*"])
def test_invalid_networks_are_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_TRUSTED_PROXIES", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_TRUSTED_PROXIES"):
        trusted_proxies()
