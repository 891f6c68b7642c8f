"""put_scale_set, put_load_balancer and put_resource: documents in files."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.arm.networks import store_what_it_refers_to
from tests.management.terminal import complains, file_of, run
from tests.stories import a_scale_set, document, edited
from upgrades.models import LoadBalancer, ScaleSet

EXAMPLE = Path(__file__).parent.parent / "vectors" / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"
BALANCER = {
    "location": "westeurope",
    "properties": {"probes": [{"name": "http", "properties": {"protocol": "Http", "port": 80, "requestPath": "/"}}]},
}
PROBE_ID = "/subscriptions/s/resourceGroups/fleet/providers/Microsoft.Network/loadBalancers/lb/probes/http"

pytestmark = pytest.mark.django_db


def test_a_scale_set_and_its_load_balancer(tmp_path: Path) -> None:
    assert run("put_load_balancer", "fleet/lb", file_of(tmp_path, BALANCER)).out == "put load balancer fleet/lb"
    model = file_of(tmp_path, document(capacity=4, probe_id=PROBE_ID))
    said = run("put_scale_set", "fleet/web", model)
    assert said.out == "created fleet/web: 4 instances of Canonical:UbuntuServer:16.04-LTS in westeurope"
    assert said.err == ""
    assert run("put_scale_set", "Fleet/Web", model).out.startswith("changed fleet/web: 4 instances")
    assert (LoadBalancer.objects.count(), ScaleSet.objects.count()) == (1, 1)


def test_a_request_example_of_azures_specification(tmp_path: Path) -> None:
    with_names = re.sub(r"\{([\w-]+)\}", r"\1", EXAMPLE.read_text())  # "{existing-load-balancer-name}"
    store_what_it_refers_to(json.loads(with_names))
    assert run("put_scale_set", "fleet/web", file_of(tmp_path, with_names.encode())).out == (
        "created fleet/web: 3 instances of MicrosoftWindowsServer:WindowsServer:2016-Datacenter in westus"
    )


def test_a_network_is_put_before_the_scale_set_that_refers_to_it(tmp_path: Path) -> None:
    subnet = "/subscriptions/s/resourceGroups/fleet/providers/Microsoft.Network/virtualNetworks/net/subnets/machines"
    address = {"name": "a", "properties": {"subnet": {"id": subnet}}}
    card = {"name": "card", "properties": {"primary": True, "ipConfigurations": [address]}}
    profile = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"
    model = file_of(tmp_path, edited(document(), profile, [card]))
    with complains("InvalidResourceReference", "virtualNetworks/net/subnets/machines"):
        run("put_scale_set", "fleet/web", model)
    network = file_of(
        tmp_path, {"location": "westeurope", "properties": {"subnets": [{"name": "machines"}]}}, "net.json"
    )
    path = "fleet/Microsoft.Network/virtualNetworks/net"
    assert run("put_resource", path, network).out == f"put {path}"
    assert run("put_resource", path, network).out == f"put {path}", "twice is once"
    assert run("put_scale_set", "fleet/web", model).out.startswith("created fleet/web")


@pytest.mark.parametrize(
    ("path", "words"),
    [("fleet/net", "a resource is named RESOURCE_GROUP/TYPE/NAME"), ("fleet/Microsoft.Network/magic/net", "types are")],
)
def test_a_resource_of_no_known_type_is_refused(tmp_path: Path, path: str, words: str) -> None:
    with complains(words):
        run("put_resource", path, file_of(tmp_path, {"location": "westeurope"}))


def test_warnings_go_to_standard_error(tmp_path: Path) -> None:
    said = run("put_scale_set", "fleet/web", file_of(tmp_path, document()))
    assert said.err.startswith("warning: no health probe is configured")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = file_of(tmp_path, document())
    Path(path).write_bytes(b"\xef\xbb\xbf" + Path(path).read_bytes())
    assert run("put_scale_set", "fleet/web", path).out.startswith("created")


@pytest.mark.parametrize("command", ["put_scale_set", "put_load_balancer"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is not JSON: ", "in line 1, column 1"]),
        (b'{\n  "location": westeurope\n}', ["is not JSON: Expecting value in line 2, column 15"]),
        (b'{"a": 1,}', ["is not JSON: ", "in line 1, column "]),
        (b"\xff\xfe{\0}\0", ["cannot read ", "it is not UTF-8 text"]),
        (b"[" * 100_000, ["cannot be read as JSON: "]),
        (b'{"a": ' + b"9" * 5000 + b"}", ["cannot be read as JSON: "]),
        (b"[]", ["document is a JSON object, not a list"]),
        (b"null", ["document is a JSON object, not null"]),
        (b'"text"', ["document is a JSON object, not 'text'"]),
        (b"{}", ["InvalidParameter: location is missing"]),
        (b'{"location": "westeurope", "x": NaN}', ["which is not JSON"]),
        (b'{"location": "westeurope", "x": "\\u0000"}', ["cannot be stored"]),
        (b'{"location": "westeurope", "x": ' + b"[" * 200 + b"]" * 200 + b"}", ["nested more than 100 levels"]),
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, command: str, content: bytes, words: list[str]) -> None:
    path = file_of(tmp_path, content)
    with complains(*words):
        run(command, "fleet/web", path)


@pytest.mark.parametrize("command", ["put_scale_set", "put_load_balancer"])
def test_missing_files_are_refused(tmp_path: Path, command: str) -> None:
    for path in (str(tmp_path / "none.json"), str(tmp_path), "nul\0"):
        with complains("cannot read "):
            run(command, "fleet/web", path)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("web", document(), ["InvalidParameter: a resource is named RESOURCE_GROUP/NAME", "not 'web'"]),
        ("fleet/w\neb", document(), ["a resource is named"]),
        ("fleet/web", document(location="atlantis"), ["LocationNotAvailableForResourceType", "'atlantis'"]),
        ("fleet/web", document(image=("a", "b", "c")), ["BadRequest: a:b:c is not a supported image", "CoreOS"]),
        ("fleet/web", document(version="0.0.1"), ["with version set to 'latest'"]),
        ("fleet/web", document(probe_id=PROBE_ID), ["InvalidResourceReference: there is no load balancer fleet/lb"]),
        (
            "fleet/web",
            edited(document(), "sku.capacity", -3),
            ["sku.capacity must be an integer from 0 to 1000, got -3"],
        ),
        ("fleet/web", edited(document(), "tags.x", None), ["tags.x must be a string, got null"]),
    ],
)
def test_invalid_models_are_refused(tmp_path: Path, path: str, body: Any, words: list[str]) -> None:
    a_scale_set(instances=1)
    with complains(*words):
        run("put_scale_set", path, file_of(tmp_path, body))


def test_a_load_balancer_that_is_refused(tmp_path: Path) -> None:
    with complains("probes[0].properties.port must be an integer from 1 to 65535, got 0"):
        probe = {"protocol": "tcp", "port": 0}
        body = {"location": "westeurope", "properties": {"probes": [{"name": "x", "properties": probe}]}}
        run("put_load_balancer", "fleet/lb", file_of(tmp_path, body))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(document()).encode())))
    assert run("put_scale_set", "fleet/web", "-").out.startswith("created fleet/web")


def test_standard_input_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    with complains("standard input is not JSON: ", "in line 1, column 2"):
        run("put_scale_set", "fleet/web", "-")
