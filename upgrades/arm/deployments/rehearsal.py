"""Puts all that a template deploys in one transaction, and takes it back: so that what would be refused is known before anything is done.

What depends on a nested deployment is not rehearsed, for that is validated alone, and one that is fetched when it begins; nor is what
comes when the time is over, for all others wait until the transaction ends.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.deployments.plans import LINKS, Plan, detail, outer_of, put_body, refuse_resources
from upgrades.arm.deployments.references import reference_to
from upgrades.arm.errors import ArmError
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.resources import Resource
from upgrades.commands.deployments import lock_resources

MAX_SECONDS = 1.0


def rehearse(caller: Caller, plan: Plan, name: str, *, checks_resources: bool) -> None:
    """Raises ArmError with what would be refused. `checks_resources` false: nested templates are validated, and nothing else."""
    with transaction.atomic():
        if checks_resources:
            lock_resources([resource.id for resource in plan.resources])
        details = list(_refused(caller, plan, checks_resources))
        transaction.set_rollback(True)
    refuse_resources(plan, name, details)


def _refused(caller: Caller, plan: Plan, checks_resources: bool) -> Iterator[dict[str, Any]]:
    left_out: set[str] = set()
    until = time.monotonic() + MAX_SECONDS
    for resource in plan.resources:
        if time.monotonic() > until:
            return
        refusal = None
        if not left_out.intersection(resource.depends_on):
            refusal = _refusal(caller, plan, resource, checks_resources)
            if refusal is None and not resource.is_deployment:
                continue
        left_out.add(resource.id)
        if refusal is not None:
            yield refusal


def _refusal(caller: Caller, plan: Plan, resource: Resource, checks_resources: bool) -> dict[str, Any] | None:
    """What is said of a resource that would be refused; None where it would not be. Raises ArmError where the client may not put it."""
    try:
        if resource.is_deployment:
            _validate(caller, plan, resource, checks_resources)
        elif checks_resources:
            caller.ask("PUT", resource.id, resource.api_version, _body(caller, plan, resource))
    except TemplateError as error:
        return {"code": "InvalidTemplate", "message": error.message, "target": error.place or resource.id}
    except ArmError as error:
        if error.code == "AuthorizationFailed":
            raise
        return detail(error, resource.id)
    return None


def _body(caller: Caller, plan: Plan, resource: Resource) -> dict[str, Any]:
    """Raises TemplateError."""
    return put_body(plan, resource, reference_to(caller, plan.template))


def _validate(caller: Caller, plan: Plan, resource: Resource, checks_resources: bool) -> None:
    """Raises ArmError and TemplateError."""
    try:
        body = _body(caller, plan, resource)
        properties = body.get("properties")
        if isinstance(properties, dict) and any(name.lower() in LINKS for name in properties):
            return
        if not checks_resources and isinstance(properties, dict):
            body["properties"] = {**properties, "validationLevel": "Template"}
        outer = outer_of(plan, resource)
        caller.ask("POST", f"{resource.id}/validate", resource.api_version, body, outer=outer)
    except TemplateError:
        if checks_resources:
            raise  # all that it asks for was put just now
    except ArmError as error:
        if checks_resources or error.code != "ResourceGroupNotFound":  # the template may make the group
            raise
