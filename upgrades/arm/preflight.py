"""Ours, not Azure's: what a scale set refers to, and what is known of it (S-26)."""

from typing import Any

from upgrades import preflight
from upgrades.arm import ids
from upgrades.arm.answers import Answer, everything, time
from upgrades.arm.requests import Call, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.reference_checks import Check


def show(call: Call, group: str, name: str) -> Answer:
    return everything([_render(check) for check in preflight.checks(find(group, name), call.now)])


def _render(check: Check) -> dict[str, Any]:
    found = check.reference
    expires = {"expirationTime": time(found.expires_at)} if found.expires_at else {}
    said = {"result": check.result, "message": check.says}
    return {"target": found.place, "kind": found.kind, "reference": found.shown, **expires, **said}


PREFLIGHT = resource(ids.COMPUTE, GET=show)
