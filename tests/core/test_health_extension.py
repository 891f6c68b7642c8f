"""The source of health in a document: the Application Health extension, in both of its versions."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stories import document, health_extension
from upgrades.core import documents
from upgrades.core.documents import ProbeModel
from upgrades.core.json_fields import BadDocument

PROFILE = "properties.virtualMachineProfile"


def probe_of(*, version: object = "1.0", **settings: Any) -> ProbeModel | None:
    extension = health_extension(**settings)
    extension["properties"]["typeHandlerVersion"] = version
    extension["properties"]["settings"] = {
        name: value for name, value in extension["properties"]["settings"].items() if value is not None
    }
    return documents.read(document(extensions=[extension])).extension_probe


def test_the_health_extension() -> None:
    assert probe_of(port="8080", intervalInSeconds=60, numberOfProbes=24) == ProbeModel("http", 8080, "/health", 60, 24)
    assert probe_of(protocol="HTTP", port=None) == ProbeModel("http", 80, "/health", 5, 1)
    assert probe_of(protocol="Https", port=None) == ProbeModel("https", 443, "/health", 5, 1)
    assert probe_of(protocol="https", port=8443) == ProbeModel("https", 8443, "/health", 5, 1)
    assert probe_of(protocol="tcp", port=22, requestPath=None) == ProbeModel("tcp", 22, "", 5, 1)
    assert probe_of(numberOfProbes=2, probeThreshold=3) == ProbeModel("http", 80, "/health", 5, 3)


def test_version_2_of_the_health_extension_is_rich() -> None:
    """A-8: gracePeriod is intervalInSeconds times numberOfProbes where it is not given, and nothing to version 1."""
    rich = ProbeModel("http", 80, "/health", 5, 3, is_rich=True, grace_seconds=15)
    assert probe_of(version="2.0", numberOfProbes=3) == rich
    assert probe_of(version="2.0", numberOfProbes=3, protocol="https", port=80) == replace(rich, protocol="https")
    for grace in (5, 14_400, "600"):
        assert probe_of(version="2", numberOfProbes=3, gracePeriod=grace) == replace(rich, grace_seconds=int(grace))
    tcp = ProbeModel("tcp", 22, "", 60, 1, is_rich=True, grace_seconds=60)
    assert probe_of(version="2.0.1", protocol="tcp", port=22, requestPath=None, intervalInSeconds=60) == tcp
    for binary in ("1.0", "1", "1.0.9", "", None):
        assert probe_of(version=binary, gracePeriod="as long as it takes") == ProbeModel("http", 80, "/health", 5, 1)


@pytest.mark.parametrize("version", ["3.0", "0.9", "2.x", "latest", "10.0", "20", 2, 2.0])
def test_unknown_versions_of_the_health_extension_are_refused(version: object) -> None:
    with pytest.raises(BadDocument) as caught:
        probe_of(version=version)
    assert caught.value.target == f"{PROFILE}.extensionProfile.extensions[0].properties.typeHandlerVersion"


@pytest.mark.parametrize("grace", [4, 14_401, -1, "PT5M", 7.5, True])
def test_invalid_grace_periods_are_refused(grace: object) -> None:
    with pytest.raises(BadDocument, match="gracePeriod must be an integer from 5 to 14400"):
        probe_of(version="2.0", gracePeriod=grace)


@pytest.mark.parametrize(
    ("settings", "member"),
    [
        ({"protocol": None}, "protocol"),
        ({"protocol": "gopher"}, "protocol"),
        ({"protocol": "httpss"}, "protocol"),
        ({"protocol": 80}, "protocol"),
        ({"requestPath": None}, "requestPath"),
        ({"protocol": "https", "requestPath": None}, "requestPath"),
        ({"protocol": "https", "requestPath": ""}, "requestPath"),
        ({"requestPath": ["/"]}, "requestPath"),
        ({"requestPath": "x" * 2048}, "requestPath"),
        ({"protocol": "tcp"}, "requestPath"),
        ({"protocol": "tcp", "requestPath": None, "port": None}, "port"),
        ({"protocol": "https", "port": 0}, "port"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"intervalInSeconds": 4}, "intervalInSeconds"),
        ({"intervalInSeconds": 61}, "intervalInSeconds"),
        ({"numberOfProbes": 0}, "numberOfProbes"),
        ({"numberOfProbes": 25}, "numberOfProbes"),
        ({"probeThreshold": 25}, "probeThreshold"),
    ],
)
def test_health_extensions_that_cannot_work(settings: dict[str, Any], member: str) -> None:
    with pytest.raises(BadDocument) as caught:
        probe_of(**settings)
    at = f"{PROFILE}.extensionProfile.extensions[0].properties.settings"
    assert caught.value.target == f"{at}.{member}"
    assert caught.value.target in caught.value.message


def test_a_path_of_the_greatest_length() -> None:
    probe = probe_of(requestPath="x" * 2047)
    assert probe and len(probe.path) == 2048


def test_only_health_extensions_are_probes() -> None:
    script = {"name": "script", "properties": {"type": "CustomScript", "settings": {"protocol": "gopher"}}}
    assert documents.read(document(extensions=[script])).extension_probe is None
