"""Microsoft.Resources/deployments, of resource groups and of the subscription (then `group` is empty)."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import prefetch_related_objects

from upgrades.arm import filters
from upgrades.arm.answers import RETRY_SECONDS, Answer, page
from upgrades.arm.deployments import shapes
from upgrades.arm.deployments.bodies import read_body, wanted
from upgrades.arm.deployments.hidden_values import shown_template, template_hash
from upgrades.arm.deployments.inner_calls import OUTER, Caller
from upgrades.arm.deployments.plans import Plan
from upgrades.arm.deployments.running import advance
from upgrades.arm.deployments.starting import begin, planned
from upgrades.arm.errors import ArmError
from upgrades.arm.filters import Shown
from upgrades.arm.options import FILTER, SKIP_TOKEN, TOP, takes
from upgrades.arm.requests import OPERATOR, Call, needs, reads, resource
from upgrades.arm.scale_sets import check_group
from upgrades.arm.template.values import compact
from upgrades.commands.deployments import cancel_deployment, delete_deployment
from upgrades.models import Deployment, DeploymentOperation
from upgrades.models.sealing import unseal

RESOURCES = "microsoft.resources"
FIELDS = ("provisioningState",)
NO_WHAT_IF = (
    "What-if is not done here, and nothing was changed. POST .../validate checks a template with all that it would put; "
    "GET of a resource shows what is there."
)


def _path(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name


def _find(group: str, name: str) -> Deployment:
    """Raises ArmError."""
    row = Deployment.objects.filter(key=Deployment.key_of(group, name)).first()
    if row is None:
        if group:
            check_group(group)
        raise ArmError("DeploymentNotFound", f"Deployment '{name[:80]}' could not be found.")
    return row


def _looked_at(group: str, name: str) -> Deployment:
    """The deployment, as far as it goes at once. Raises ArmError."""
    row = _find(group, name)
    if row.ended_at is None:
        advance(row.pk)
        row = _find(group, name)
    return row


# --- what is shown ----------------------------------------------------------------------------------------------------


def show(call: Call, name: str, group: str = "") -> Answer:
    return Answer(shapes.deployment(call.subscription, _looked_at(group, name)))


def head(call: Call, name: str, group: str = "") -> Answer:
    is_there = Deployment.objects.filter(key=Deployment.key_of(group, name)).exists()
    return Answer(status=204 if is_there else 404)


@takes(FILTER, TOP, SKIP_TOKEN)
def every(call: Call, group: str = "") -> Answer:
    """$filter=provisioningState eq 'Failed'"""
    if group:
        check_group(group)
    given = call.query.get(FILTER, "").strip()
    meant = filters.read(given, FIELDS) if given else None
    fits = (lambda row: meant(Shown({"provisioningstate": (row.state,)}, {}))) if meant else None
    rows = Deployment.objects.filter(key__startswith=Deployment.keys_in(group))
    return page(call, rows, partial(_render_all, call), fits=fits)


def _render_all(call: Call, rows: Sequence[Deployment]) -> list[dict[str, Any]]:
    prefetch_related_objects(rows, "operations")
    return [shapes.deployment(call.subscription, row) for row in rows]


def operations(call: Call, name: str, group: str = "") -> Answer:
    row = _looked_at(group, name)
    return Answer({"value": [shapes.operation(call.subscription, row, each) for each in _begun(row)]})


def operation(call: Call, name: str, operation: str, group: str = "") -> Answer:
    row = _looked_at(group, name)
    found = next((each for each in _begun(row) if shapes.operation_id(each) == operation.upper()), None)
    if found is None:
        raise ArmError("DeploymentOperationNotFound", f"The deployment '{name}' has no operation '{operation[:80]}'.")
    return Answer(shapes.operation(call.subscription, row, found))


def _begun(row: Deployment) -> list[DeploymentOperation]:
    return [each for each in row.operations.all() if each.state != DeploymentOperation.State.WAITING]


def status(call: Call, name: str, operation: str, group: str = "") -> Answer:
    """GET .../operationStatuses/{id}: how far it is, for clients that wait for its end."""
    row = _looked_at(group, name)
    if operation != str(row.pk):
        raise ArmError("DeploymentNotFound", f"The deployment '{name}' was deployed again meanwhile.")
    body: dict[str, Any] = {"status": row.state}
    if row.error:
        body["error"] = row.error
    return Answer(body, headers={} if row.ended_at else {"Retry-After": RETRY_SECONDS})


# --- what is changed --------------------------------------------------------------------------------------------------


@needs(OPERATOR)
@reads(read_body)
def put(call: Call, name: str, group: str = "") -> Answer:
    """Each resource needs the role that its own PUT needs."""
    outer = call.request.META.get(OUTER)
    row, is_new = begin(Caller.of_call(call), wanted(call), group, name, call.now, outer)
    path = f"{shapes.id_of(call.subscription, row.resource_group, row.name)}/operationStatuses/{row.pk}"
    address = f"{call.url(quote(path))}?{urlencode({'api-version': call.query['api-version']})}"
    headers = {"Azure-AsyncOperation": address, "Retry-After": RETRY_SECONDS}
    return Answer(shapes.deployment(call.subscription, row), 201 if is_new else 200, headers)


def _planned(call: Call, group: str, name: str) -> Plan:
    """Raises ArmError."""
    return planned(Caller.of_call(call), wanted(call), group, name, call.now, call.request.META.get(OUTER))


@needs(OPERATOR)
@reads(read_body)
def validate(call: Call, name: str, group: str = "") -> Answer:
    made = _planned(call, group, name)
    resources = made.resources
    properties = {
        "templateHash": template_hash(made.document),
        "parameters": made.hidden.hide(made.template.values()),
        "correlationId": Caller.of_call(call).correlation_id,
        "providers": shapes.providers([each.type for each in resources], made.location),
        "validatedResources": [{"id": each.id} for each in resources],
    }
    return Answer(shapes.validated(call.subscription, made.group, name, made.location, call.now, properties, made.mode))


@needs(OPERATOR)
@reads(read_body)
def what_if(call: Call, name: str, group: str = "") -> Answer:
    """An error, in the form in which Azure says those of a template: the command line ends with a traceback after any other."""
    try:
        _planned(call, group, name)
        error = ArmError("WhatIfNotSupported", NO_WHAT_IF)
    except ArmError as found:
        error = found
    return Answer({"status": "Failed", **error.body})


@needs(OPERATOR)
def cancel(call: Call, name: str, group: str = "") -> Answer:
    _find(group, name)
    cancel_deployment(_path(group, name), call.now)
    return Answer(status=204)


@needs(OPERATOR)
def delete(call: Call, name: str, group: str = "") -> Answer:
    """Of the history; what was deployed stays."""
    if group:
        check_group(group)
    if not Deployment.objects.filter(key=Deployment.key_of(group, name)).exists():
        return Answer(status=204)
    delete_deployment(_path(group, name))
    return Answer(status=204)


def export(call: Call, name: str, group: str = "") -> Answer:
    """The template as it was deployed, without secrets."""
    template: Any = unseal(_find(group, name).sealed_template)["template"]
    return Answer({"template": shown_template(template["document"])})


@reads(read_body)
def calculate_hash(call: Call) -> Answer:
    """POST /providers/Microsoft.Resources/calculateTemplateHash"""
    template = call.object_body()
    return Answer({"minifiedTemplate": compact(template), "templateHash": template_hash(template)})


ONE = resource(RESOURCES, GET=show, HEAD=head, PUT=put, DELETE=delete)
ALL = resource(RESOURCES, GET=every)
VALIDATE = resource(RESOURCES, POST=validate)
WHAT_IF = resource(RESOURCES, POST=what_if)
CANCEL = resource(RESOURCES, POST=cancel)
EXPORT = resource(RESOURCES, POST=export)
OPERATIONS = resource(RESOURCES, GET=operations)
OPERATION = resource(RESOURCES, GET=operation)
STATUS = resource(RESOURCES, GET=status)
TEMPLATE_HASH = resource(RESOURCES, POST=calculate_hash)
