"""Statuses of instance views (InstanceViewStatus)."""

from typing import Any

LEVELS = {"failed": "Error", "unhealthy": "Error", "unknown": "Warning", "Unavailable": "Warning"}


def status(kind: str, state: str, says: str, **more: Any) -> dict[str, Any]:
    """`more`: what is known of message and time."""
    known = {name: value for name, value in more.items() if value}
    return {"code": f"{kind}/{state}", "level": LEVELS.get(state, "Info"), "displayStatus": says, **known}


def provisioning(state: str, **more: Any) -> dict[str, Any]:
    return status("ProvisioningState", state, f"Provisioning {state}", **more)
