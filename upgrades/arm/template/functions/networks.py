"""Functions of network ranges such as 10.144.0.0/20."""

import ipaddress

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value

TABLE = Table()
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(name: str, text: str) -> Network:
    try:
        if "/" not in text:
            raise ValueError(text)
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise TemplateError(f"{name}: {text[:60]!r} is no range of addresses such as 10.0.0.0/16") from None


@TABLE.add("parseCidr", "string")
def parse_cidr(text: str) -> dict[str, Value]:
    network = _network("parseCidr", text)
    has_broadcast = isinstance(network, ipaddress.IPv4Network)
    has_ends = network.num_addresses > 2 and has_broadcast
    found: dict[str, Value] = {
        "network": str(network.network_address),
        "netmask": str(network.netmask),
        "cidr": network.prefixlen,
        "firstUsable": str(network[1] if has_ends else network[0]),
        "lastUsable": str(network[-2] if has_ends else network[-1]),
    }
    return found | ({"broadcast": str(network[-1])} if has_broadcast else {})


@TABLE.add("cidrSubnet", "string", "int", "int")
def cidr_subnet(text: str, prefix: int, index: int) -> str:
    network = _network("cidrSubnet", text)
    if not network.prefixlen <= prefix <= network.max_prefixlen or not 0 <= index < 2 ** (prefix - network.prefixlen):
        raise TemplateError(f"cidrSubnet: {network} has no range {index} of /{prefix}")
    start = int(network.network_address) + (index << (network.max_prefixlen - prefix))
    return f"{type(network.network_address)(start)}/{prefix}"


@TABLE.add("cidrHost", "string", "int")
def cidr_host(text: str, index: int) -> str:
    """The address so many after the first usable one, which is 0."""
    network = _network("cidrHost", text)
    if not 0 <= index < network.num_addresses - 1:
        raise TemplateError(f"cidrHost: {network} has no address {index}")
    return str(network[index + 1])
