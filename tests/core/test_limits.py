"""Azure's limits, and that reading a document takes time in proportion to its length."""

import time
from typing import Any

import pytest

from tests.stories import document, edited
from upgrades.commands import model_checks
from upgrades.commands.errors import Refused
from upgrades.core import azure_types, documents, limits, secrets, unknown_fields, warnings
from upgrades.core.json_fields import BadDocument
from upgrades.core.resource_kinds import LOAD_BALANCER

PROFILE = "properties.virtualMachineProfile"


def extension(number: int) -> dict[str, Any]:
    properties = {"publisher": "p", "type": f"t{number}", "protectedSettings": {"key": "x"}}
    return {"name": f"e{number}", "strange": 1, "properties": properties}


def card(number: int, addresses: int = 1) -> dict[str, Any]:
    return {"name": f"n{number}", "properties": {"ipConfigurations": [{"name": f"i{n}"} for n in range(addresses)]}}


CARDS = f"{PROFILE}.networkProfile.networkInterfaceConfigurations"


@pytest.mark.parametrize(
    ("path", "most", "beyond"),
    [
        ("tags", {f"t{n}": "x" for n in range(50)}, {f"t{n}": "x" for n in range(51)}),
        ("tags", {"n" * 512: "v" * 256}, {"n" * 513: "v"}),
        ("tags", {"n": 10**255}, {"n": "v" * 257}),
        (
            f"{PROFILE}.extensionProfile.extensions",
            [extension(n) for n in range(50)],
            [extension(n) for n in range(51)],
        ),
        (
            f"{PROFILE}.extensionProfile.extensions",
            [{**extension(1), "name": "x" * 80}],
            [{**extension(1), "name": "x" * 81}],
        ),
        (CARDS, [card(n) for n in range(8)], [card(n) for n in range(9)]),
        (CARDS, [card(1, 256)], [card(1, 257)]),
        (f"{PROFILE}.osProfile.customData", "x" * 87_380, "x" * 87_381),
        (f"{PROFILE}.osProfile.computerNamePrefix", "x" * 58, "x" * 59),
    ],
)
def test_limits_at_their_edges(path: str, most: Any, beyond: Any) -> None:
    limits.check_scale_set(edited(document(), path, most), None)
    too_much = edited(document(), path, beyond)
    with pytest.raises(BadDocument) as caught:
        limits.check_scale_set(too_much, None)
    assert caught.value.target.lower().startswith(path.lower())
    # What is stored already may stay.
    limits.check_scale_set(too_much, too_much)


@pytest.mark.parametrize("kind", ["probes", "loadBalancingRules", "inboundNatRules", "backendAddressPools"])
def test_a_load_balancers_lists(kind: str) -> None:
    def balancer(count: int) -> dict[str, Any]:
        return {"location": "westus", "properties": {kind: [{"name": f"x{n}"} for n in range(count)]}}

    limits.check_resource(balancer(1500), LOAD_BALANCER, None)
    with pytest.raises(BadDocument, match="at most 1500"):
        limits.check_resource(balancer(1501), LOAD_BALANCER, None)


def test_a_document_as_a_whole() -> None:
    """200,000 unknown fields, which are 3 MB, took 14 seconds of everybody's time."""
    large = {"a": [{"b": 1} for _ in range(10)]}
    size = 2 + 10 + 10 * 2
    limits.check_size(large, None, size, [])
    limits.check_size(large, large, size - 1, [])  # what is stored may stay
    with pytest.raises(BadDocument, match=f"{size} names and values, and at most {size - 1}"):
        limits.check_size(large, {"a": large["a"][:9]}, size - 1, [])


def test_a_list_that_is_too_long_is_refused_before_it_is_read() -> None:
    """16,000 extensions were refused after seconds, for all else was checked first."""
    large = document(extensions=[extension(number) for number in range(51)])
    with pytest.raises(Refused, match="at most 50 extensions"):
        model_checks.check_known(large | {"strange": 1}, None)
    stored = large | {"location": "westus"}
    model_checks.check_known(stored, stored)  # what is stored may stay


def test_time_is_in_proportion_to_length() -> None:
    """16,000 extensions took 23 seconds."""
    body = document(extensions=[extension(number) for number in range(16_000)])
    body["properties"]["virtualMachineProfile"] |= {f"unknown{number}": 1 for number in range(16_000)}
    began = time.process_time()
    unknown_fields.check(body, azure_types.SCALE_SET, body)
    documents.read(body)
    assert len(warnings.warnings_of(body)) == warnings.MAX_WARNINGS
    public, found = secrets.split(body)
    assert len(secrets.secrets_to_store(public, found, {}, old_document=public)) == 16_000
    assert secrets.join(public, found) == body
    assert time.process_time() - began < 10
