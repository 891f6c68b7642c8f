"""QEMU's guest agent: reads a guest's report, and changes its extensions. How commands get to the agent is the driver's business."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.guest_status import MAX_REPORT, REPORT, GuestStatus, parse

# (command, arguments) -> what it returns. Raises ProviderError, not permanent, where the agent does not answer or refuses.
Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
AGENT_PORT = "org.qemu.guest_agent.0"
CHANGE = 'mkdir -p "/run/rollgrid/$0" && tar -x -f - -C "/run/rollgrid/$0" && exec sh "/run/rollgrid/$0/guest.sh" extensions "$0"'


class CommandRefused(ProviderError):
    """The answer is an error."""


async def report(ask: Ask) -> GuestStatus | None:
    """What the guest says of itself now; None where it says nothing that can be read."""
    try:
        handle = await ask("guest-file-open", {"path": REPORT, "mode": "r"})
    except CommandRefused:  # there is no such file yet
        return None
    try:
        answer = await ask("guest-file-read", {"handle": handle, "count": MAX_REPORT})
    finally:
        await ask("guest-file-close", {"handle": handle})
    try:
        return parse(base64.b64decode(answer["buf-b64"]))
    except (KeyError, TypeError, ValueError):
        return None


async def change_extensions(ask: Ask, id: str, archive: bytes) -> None:
    """Start guest.sh on the plan in the tar archive. It goes on by itself; the report's `work` says how far it is.

    Started with the same id again, it does nothing.
    """
    data = base64.b64encode(archive).decode()
    await ask("guest-exec", {"path": "/bin/sh", "arg": ["-c", CHANGE, id], "input-data": data})
