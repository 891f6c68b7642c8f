"""QEMU's user network: ports of a machine are ports of 127.0.0.1 that QEMU chose when it was started.

A machine's address there is "127.0.0.1 80=40123 22=40124": its host's ports by its own.
"""

import re

from upgrades.providers.base import ProviderError

HOST = "127.0.0.1"
FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)")
QUESTION = "info usernet"  # to QEMU's monitor for people


def netdev(ports: tuple[int, ...], *, is_open: bool) -> str:
    """QEMU's option. `is_open`: machines reach the host's network."""
    forwards = "".join(f",hostfwd=tcp:{HOST}:0-:{port}" for port in ports)
    return f"user,id=net0,restrict={'off' if is_open else 'on'}{forwards}"


def address(answer: str) -> str:
    """Of the machine that answers QUESTION so."""
    return " ".join([HOST, *(f"{guest}={host}" for host, guest in FORWARD.findall(answer))])


def endpoint(address: str, port: int) -> tuple[str, int]:
    """Where a port of the machine can be reached. Raises ProviderError where it cannot."""
    host, _, forwards = address.partition(" ")
    ours = dict(forward.split("=") for forward in forwards.split())
    if str(port) in ours:
        return host, int(ours[str(port)])
    why = "the machine has no address: it is not up" if not address else f"{port} is none of the location's `ports`"
    raise ProviderError("NoAddress", f"Port {port} cannot be reached: {why}", permanent=False)
