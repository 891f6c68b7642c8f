"""Begins deployments, for all who may: clients of the API, people on the page, and the terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from upgrades.arm.deployments.bodies import Wanted
from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.deployments.plans import Plan, plan
from upgrades.arm.deployments.rehearsal import rehearse
from upgrades.commands.deployments import begin_deployment
from upgrades.models import Deployment


def planned(
    caller: Caller, wanted: Wanted, group: str, name: str, now: datetime, outer: Mapping[str, Any] | None = None
) -> Plan:
    """What would be deployed, checked as far as can be done before. Raises ArmError."""
    made = plan(caller, wanted, group, name, now, outer)
    rehearse(caller, made, name, checks_resources=wanted.checks_resources)
    return made


def begin(
    caller: Caller, wanted: Wanted, group: str, name: str, now: datetime, outer: Mapping[str, Any] | None = None
) -> tuple[Deployment, bool]:
    """(its row, whether there was none of this name). Raises ArmError and Refused."""
    made = planned(caller, wanted, group, name, now, outer)
    return begin_deployment(f"{made.group}/{name}" if made.group else name, made.for_storing(caller, wanted.tags), now)
