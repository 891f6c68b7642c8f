"""Network interfaces and public addresses of instances, as the model of their scale set has them.

Nothing here makes networks: an address that is not known is left out. Known is the one under which a provider says that a machine is
reached, where that is an address of its own.
"""

import hashlib
import ipaddress
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from upgrades.arm import ids
from upgrades.arm.answers import Answer, everything, page
from upgrades.arm.errors import not_found
from upgrades.arm.instances import PAGE, find_instance
from upgrades.arm.options import EXPAND, SKIP_TOKEN, takes, words
from upgrades.arm.requests import Call, is_there, resource
from upgrades.arm.scale_sets import find, shown
from upgrades.core.json_fields import get_field
from upgrades.models import Instance, ScaleSet

Body = Mapping[str, Any]
_CARDS = ("properties", "virtualMachineProfile", "networkProfile", "networkInterfaceConfigurations")
# What an interface's configuration of an address says of itself in the model too.
_AS_IN_THE_MODEL = (
    "subnet",
    "applicationGatewayBackendAddressPools",
    "applicationSecurityGroups",
    "loadBalancerBackendAddressPools",
)
NO_DNS: Body = {"dnsServers": [], "appliedDnsServers": []}
STATE = {"provisioningState": "Succeeded"}
EXPANDED = ("ipConfigurations/subnet", "ipConfigurations/publicIPAddress")


@dataclass(frozen=True)
class _Machine:
    """One instance, and what the model says of its interfaces."""

    call: Call
    scale_set: ScaleSet
    row: Instance
    cards: Sequence[Any]

    @property
    def id(self) -> str:
        return ids.of_instance(self.call.subscription, self.scale_set, self.row.number)

    def interfaces(self) -> Iterator[dict[str, Any]]:
        for index, card in enumerate(self.cards):
            if isinstance(card, Mapping) and isinstance(card.get("name"), str):
                yield self._interface(card, is_primary=bool(get_field(card, "properties", "primary")) or index == 0)

    def _interface(self, card: Body, *, is_primary: bool) -> dict[str, Any]:
        id, given = f"{self.id}/networkInterfaces/{card['name']}", card.get("properties") or {}
        group = given.get("networkSecurityGroup")
        properties = {
            **STATE,
            "resourceGuid": self._guid(id),
            "ipConfigurations": [
                self._configuration(id, configuration, is_primary=is_primary and index == 0)
                for index, configuration in enumerate(_named(given.get("ipConfigurations")))
            ],
            "dnsSettings": {**NO_DNS, **(given.get("dnsSettings") or {})},
            "enableAcceleratedNetworking": bool(given.get("enableAcceleratedNetworking")),
            "enableIPForwarding": bool(given.get("enableIPForwarding")),
            **({"networkSecurityGroup": group} if group else {}),
            "primary": is_primary,
            "virtualMachine": {"id": self.id},
        }
        own = {"id": id, "name": card["name"], "etag": self._etag(id)}
        return {**own, "location": self.scale_set.location.name, "properties": properties}

    def _configuration(self, interface: str, given: Body, *, is_primary: bool) -> dict[str, Any]:
        id, its = f"{interface}/ipConfigurations/{given['name']}", given.get("properties") or {}
        public = _public_name(given)
        properties = {
            **STATE,
            **({"privateIPAddress": address} if is_primary and (address := _address(self.row)) else {}),
            "privateIPAllocationMethod": "Dynamic",
            "privateIPAddressVersion": its.get("privateIPAddressVersion") or "IPv4",
            "primary": bool(its.get("primary")) or is_primary,
            **{name: its[name] for name in _AS_IN_THE_MODEL if its.get(name)},
            **({"publicIPAddress": {"id": f"{id}/publicIPAddresses/{public}"}} if public else {}),
        }
        return {"id": id, "name": given["name"], "etag": self._etag(id), "properties": properties}

    def public_addresses(self) -> Iterator[dict[str, Any]]:
        for card in _named(self.cards):
            for configuration in _named(get_field(card, "properties", "ipConfigurations")):
                if _public_name(configuration):
                    yield self._public_address(card["name"], configuration)

    def _public_address(self, card: str, configuration: Body) -> dict[str, Any]:
        its = f"{self.id}/networkInterfaces/{card}/ipConfigurations/{configuration['name']}"
        given = configuration["properties"]["publicIPAddressConfiguration"]
        id, more = f"{its}/publicIPAddresses/{given['name']}", given.get("properties") or {}
        properties = {
            **STATE,
            "resourceGuid": self._guid(id),
            "publicIPAddressVersion": more.get("publicIPAddressVersion") or "IPv4",
            "publicIPAllocationMethod": "Dynamic",
            "idleTimeoutInMinutes": more.get("idleTimeoutInMinutes") or 4,
            "ipTags": more.get("ipTags") or [],
            "ipConfiguration": {"id": its},
        }
        sku = {"sku": given["sku"]} if isinstance(given.get("sku"), Mapping) else {}
        own = {"id": id, "name": given["name"], "etag": self._etag(id), **sku}
        return {**own, "location": self.scale_set.location.name, "properties": properties}

    def _guid(self, id: str) -> str:
        return str(uuid.uuid5(self.scale_set.stream, id.lower()))

    def _etag(self, id: str) -> str:
        return f'"{hashlib.sha256(f"{self.row.pk} {id} {self.cards}".encode()).hexdigest()[:32]}"'


def _named(values: Any) -> list[Any]:
    """Those that have a name."""
    given = values if isinstance(values, list) else []
    return [value for value in given if isinstance(value, Mapping) and isinstance(value.get("name"), str)]


def _public_name(configuration: Body) -> str:
    name = get_field(configuration, "properties", "publicIPAddressConfiguration", "name")
    return name if isinstance(name, str) else ""


def _address(row: Instance) -> str:
    """Where the machine is reached, if that is an address and not a port of this host."""
    try:
        found = ipaddress.ip_address(row.address)
    except ValueError:
        return ""
    return "" if found.is_loopback else str(found)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _machines(call: Call, scale_set: ScaleSet, rows: Sequence[Instance]) -> list[_Machine]:
    cards = get_field(shown(scale_set), *_CARDS) or []
    return [_Machine(call, scale_set, row, cards) for row in rows]


def _machine(call: Call, group: str, name: str, instance: str) -> _Machine:
    scale_set = find(group, name)
    return _machines(call, scale_set, [find_instance(scale_set, instance)])[0]


def _of(found: Sequence[Any], name: str, missing: tuple[str, str]) -> Any:
    """The one of that name. Raises ArmError."""
    for element in found:
        if element["name"].lower() == name.lower():
            return element
    kind, group = missing
    raise not_found(f"{ids.INSTANCES}/{kind}", group, name[:80])


@takes(SKIP_TOKEN)
def interfaces_of_set(call: Call, group: str, name: str) -> Answer:
    scale_set = find(group, name)

    def render(rows: Sequence[Instance]) -> list[Any]:
        return [interface for machine in _machines(call, scale_set, rows) for interface in machine.interfaces()]

    return page(call, Instance.objects.filter(scale_set=scale_set), render, by="number", size=PAGE)


@takes(SKIP_TOKEN)
def addresses_of_set(call: Call, group: str, name: str) -> Answer:
    scale_set = find(group, name)

    def render(rows: Sequence[Instance]) -> list[Any]:
        return [address for machine in _machines(call, scale_set, rows) for address in machine.public_addresses()]

    return page(call, Instance.objects.filter(scale_set=scale_set), render, by="number", size=PAGE)


def interfaces(call: Call, group: str, name: str, instance: str) -> Answer:
    return everything(list(_machine(call, group, name, instance).interfaces()))


def _interface(call: Call, group: str, name: str, instance: str, card: str) -> Any:
    found = list(_machine(call, group, name, instance).interfaces())
    return _of(found, card, ("networkInterfaces", group))


@takes(EXPAND)
def interface(call: Call, group: str, name: str, instance: str, card: str) -> Answer:
    words(call.query, EXPAND, EXPANDED)
    return Answer(_interface(call, group, name, instance, card))


def configurations(call: Call, group: str, name: str, instance: str, card: str) -> Answer:
    return everything(_interface(call, group, name, instance, card)["properties"]["ipConfigurations"])


@takes(EXPAND)
def configuration(call: Call, group: str, name: str, instance: str, card: str, ip: str) -> Answer:
    words(call.query, EXPAND, EXPANDED)
    return Answer(_configuration(call, group, name, instance, card, ip))


def _configuration(call: Call, group: str, name: str, instance: str, card: str, ip: str) -> Any:
    found = _interface(call, group, name, instance, card)["properties"]["ipConfigurations"]
    return _of(found, ip, ("networkInterfaces/ipConfigurations", group))


def addresses(call: Call, group: str, name: str, instance: str, card: str, ip: str) -> Answer:
    return everything(_addresses(call, group, name, instance, card, ip))


def _addresses(call: Call, group: str, name: str, instance: str, card: str, ip: str) -> list[Any]:
    its = _configuration(call, group, name, instance, card, ip)["id"]
    every = _machine(call, group, name, instance).public_addresses()
    return [address for address in every if address["properties"]["ipConfiguration"]["id"] == its]


def address(call: Call, group: str, name: str, instance: str, card: str, ip: str, public: str) -> Answer:
    found = _addresses(call, group, name, instance, card, ip)
    return Answer(_of(found, public, ("networkInterfaces/ipConfigurations/publicIPAddresses", group)))


_CARD = "virtualmachines/{instance}/networkinterfaces/{card}"
_read = partial(resource, ids.COMPUTE)
# (path behind a scale set, the view)
ROUTES = (
    ("networkinterfaces", _read(GET=interfaces_of_set)),
    ("publicipaddresses", _read(GET=addresses_of_set)),
    ("virtualmachines/{instance}/networkinterfaces", _read(GET=interfaces)),
    (_CARD, _read(GET=interface, HEAD=is_there(interface))),
    (f"{_CARD}/ipconfigurations", _read(GET=configurations)),
    (f"{_CARD}/ipconfigurations/{{ip}}", _read(GET=configuration, HEAD=is_there(configuration))),
    (f"{_CARD}/ipconfigurations/{{ip}}/publicipaddresses", _read(GET=addresses)),
    (f"{_CARD}/ipconfigurations/{{ip}}/publicipaddresses/{{public}}", _read(GET=address, HEAD=is_there(address))),
)
