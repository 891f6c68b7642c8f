"""What a document refers to: addresses and signatures, wherever they stand."""

import base64
import time
from datetime import UTC, datetime

import pytest

from upgrades.core.json_fields import show_value
from upgrades.core.masking import masked
from upgrades.core.references import references

EXPIRED = datetime(2020, 1, 1, tzinfo=UTC)
URI = "https://a.blob.core.windows.net/c/f?sv=1&sig=hunter2&se=2020-01-01T00:00:00Z"
ADDRESS = "https://a.blob.core.windows.net/c/f"


@pytest.mark.parametrize(
    "text",
    [
        URI,
        f"wget -O f {URI};sh f",
        f"$(curl {URI})",
        f"{URI}, and then",
        f"{URI}. And then",
        f"[{URI}]",
        f'curl "{URI}" | sh',
        f"curl '{URI}'|sh",
        f"fetch({URI});run()",
        f"<a>{URI.replace('&', '&amp;')}</a>",
        URI.replace("&", "\\u0026"),
        URI.replace("&", "^&"),
        URI.replace(":00:00", "%3A00%3A00"),
        "https://a.blob.core.windows.net/c/f?se=2020-01-01&spr=https,http&sig=hunter2",
        "https%3A%2F%2Fa.blob.core.windows.net%2Fc%2Ff%3Fsig%3Dhunter2%26se%3D2020-01-01",
    ],
)
def test_a_signed_address_is_found_with_its_expiry(text: str) -> None:
    (found,) = references({"v": text})
    assert (found.kind, found.shown, found.expires_at) == ("SAS URI", ADDRESS, EXPIRED)


@pytest.mark.parametrize(
    "text",
    [
        "?sv=2019-12-12&sr=b&sig=hunter2&se=2020-01-01T00:00:00Z",
        "sv=2019-12-12&se=2020-01-01T00:00:00Z&sr=b&sig=hunter2",
        "SharedAccessSignature sr=https%3a%2f%2fx.example&sig=hunter2&se=1577836800&skn=K",
        "EndpointSuffix=core.windows.net;SharedAccessSignature=sv=1&se=2020-01-01&sig=hunter2",
        "export TOKEN='sig=hunter2&se=2020-01-01'",
    ],
)
def test_a_signature_is_known_by_its_parameters(text: str) -> None:
    (found,) = references({"v": text})
    assert (found.kind, found.expires_at) == ("SAS token", EXPIRED)
    assert "hunter2" not in found.shown


def test_a_connection_string_shows_its_hosts_only() -> None:
    hosts = "BlobEndpoint=https://a.blob.core.windows.net/;QueueEndpoint=https://a.queue.core.windows.net/"
    given = f"{hosts};SharedAccessSignature=sv=1&se=2020-01-01&sig=hunter2;AccountKey=hunter2=="
    found = references({"v": given})
    assert [(reference.kind, reference.shown) for reference in found] == [
        ("storage", "https://a.blob.core.windows.net/"),
        ("storage", "https://a.queue.core.windows.net/"),
        ("SAS token", "a SAS token"),
    ]


@pytest.mark.parametrize("member", ["customData", "userData", "script"])
def test_scripts_in_base64_are_read(member: str) -> None:
    (found,) = references({member: base64.b64encode(f"#!/bin/sh\ncurl {URI}\n".encode()).decode()})
    assert found.expires_at == EXPIRED
    assert references({member: "no base64"}) == []


def test_references_without_expiry_have_none() -> None:
    (found,) = references({"v": "https://a.blob.core.windows.net/c/f?si=policy&sig=hunter2"})
    assert (found.is_signed, found.expires_at) == (True, None)


@pytest.mark.parametrize(
    "text",
    ["a" * 500_000, "https://" * 20_000, "sig=" * 100_000, "?" * 200_000, "a=" * 200_000, "se=&" * 100_000 + "sig=1"],
)
def test_reading_takes_time_in_proportion(text: str) -> None:
    began = time.process_time()
    references({"v": text})
    assert time.process_time() - began < 5


def test_signatures_and_keys_do_not_stand_in_messages() -> None:
    for secret in (URI, "x;AccountKey=hunter2==", "x;SharedAccessKey=hunter2", "?sig=hunter2&se=2020-01-01"):
        assert "hunter2" not in show_value(secret)
        assert "hunter2" not in masked(f"could not fetch {secret}")
