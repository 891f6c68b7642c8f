"""Finds the reasons why an upgrade or an instance is not moving.

`decide` returns the first thing that holds an upgrade. This module finds everything that holds it, and what holds each instance. Feed, API
and `manage.py status` show the same reasons. core/scale_set_reasons.py and core/instance_reasons.py find them, and core/reason_kinds.py has
the table of their codes.
"""

from datetime import datetime

from upgrades.core import advice, instance_reasons, scale_set_reasons
from upgrades.core.facts import Facts
from upgrades.core.reason_context import Reason, reason_context_of
from upgrades.core.reason_kinds import RANK

FINDERS = (*scale_set_reasons.FINDERS, *instance_reasons.FINDERS)


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Find everything that holds the scale set and its instances now, ranked; () where all instances are on the wanted version."""
    context = reason_context_of(facts, now)
    found = [advice.with_useful_action(reason, context) for find in FINDERS for reason in find(context)]
    return tuple(sorted(found, key=lambda reason: (RANK[reason.code], reason.instances or ())))
