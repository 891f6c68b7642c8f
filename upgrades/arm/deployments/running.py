"""Takes deployments further: each resource whose dependencies are there is put, and long changes are followed to their end.

What is to be done is in the database. Whoever looks takes a deployment for a moment (`claim_deployment`), records, does, and records; any
process may die at any line. A resource that may have been put already is put again, which changes nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from upgrades.arm import clock
from upgrades.arm.answers import Answer
from upgrades.arm.deployments.hidden_values import HiddenValues
from upgrades.arm.deployments.inner_calls import Caller, actor_of
from upgrades.arm.deployments.plans import Plan, detail, invalid_template, outer_of, put_body, read_again
from upgrades.arm.deployments.references import reference_to
from upgrades.arm.deployments.shapes import as_shown
from upgrades.arm.errors import ArmError
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.resources import Resource
from upgrades.commands import audit
from upgrades.commands.deployments import (
    TYPE,
    claim_deployment,
    end_deployment,
    keep_deployment,
    key_of_id,
    record_operation,
    release_deployment,
)
from upgrades.models import Deployment, DeploymentOperation
from upgrades.models.sealing import Unreadable, unseal

State = DeploymentOperation.State
IN_USE = "InUse"
WORK_SECONDS = 2.0  # how long one look goes on
OVER = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "canceled": State.FAILED, "cancelled": State.FAILED}


def advance(deployment_id: int, seconds: float = WORK_SECONDS) -> None:
    """Take a deployment as far as it goes in `seconds`, unless it has ended or somebody else works on it."""
    row = claim_deployment(deployment_id, clock.now())
    if row is None:
        return
    try:
        with audit.as_actor(lambda: actor_of(row)):
            _advance(row, time.monotonic() + seconds)
    finally:
        release_deployment(row)


def _advance(row: Deployment, until: float) -> None:
    try:
        template, values = _opened(row)
        document, outer, link = template["document"], template["outer"], template.get("link") or {}
    except Unreadable:
        message = "What is deployed was sealed with another ROLLGRID_SECRET_KEY; deploy the template again."
        _end(row, {"code": "DeploymentFailed", "message": message})
        return
    try:
        caller = Caller.of_deployment(row)
        plan = read_again(caller, document, values, row, outer, link)
    except TemplateError as error:
        _end(row, invalid_template(error, HiddenValues(document, values)).body["error"])
    except ArmError as error:
        _end(row, error.body["error"])
    else:
        with audit.hiding(plan.hidden.hide):
            _Run(row, caller, plan, list(row.operations.all())).go(until)


def _opened(row: Deployment) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the template with what is known of it, the values of its parameters). Raises Unreadable."""
    template: Any = unseal(row.sealed_template)["template"]
    values: Any = unseal(row.sealed_parameters)["values"]
    return template, values


def _end(row: Deployment, error: Mapping[str, Any]) -> None:
    end_deployment(row, clock.now(), error=error)


@dataclass(slots=True)
class _Run:
    """One look at a deployment that we hold."""

    row: Deployment
    caller: Caller
    plan: Plan
    operations: list[DeploymentOperation]

    def go(self, until: float) -> None:
        """Begin and follow what can be, again and again until nothing moves, or time is over."""
        moves = True
        while moves and time.monotonic() < until:
            moves = False
            for operation in self.operations:
                if time.monotonic() < until and self._is_ready(operation):
                    if not keep_deployment(self.row, clock.now()):
                        return
                    moves = self._step(operation) or moves
        self._end_if_over()

    def _is_ready(self, operation: DeploymentOperation) -> bool:
        """Whether there is something to do for it: it runs, or all that must be there before is."""
        if operation.state == State.WAITING:
            done = {each.resource_id for each in self.operations if each.state == State.SUCCEEDED}
            return done.issuperset(operation.depends_on)
        return operation.state == State.RUNNING

    def _step(self, operation: DeploymentOperation) -> bool:
        """Put it, or look how far it is. True where something changed."""
        try:
            if operation.follows:
                return self._follow(operation)
            return self._delete(operation) if operation.is_deletion else self._put(operation)
        except TemplateError as error:
            return self._failed(operation, invalid_template(error, self.plan.hidden))
        except ArmError as error:
            return self._failed(operation, error)

    def _put(self, operation: DeploymentOperation) -> bool:
        resource = self._resource(operation)
        if operation.state == State.RUNNING and self._is_begun(resource):
            return self._record(operation, follows=_own_address(resource))
        if operation.state == State.WAITING and not self._record(
            operation, state=State.RUNNING, started_at=clock.now()
        ):
            return False
        body = put_body(self.plan, resource, reference_to(self.caller, self.plan.template))
        outer = outer_of(self.plan, resource)
        answer = self.caller.ask("PUT", resource.id, resource.api_version, body, outer=outer)
        address = _address_of_change(answer, resource)
        if not address:
            return self._record(operation, state=State.SUCCEEDED, status_code=answer.status)
        return self._record(operation, follows=address, status_code=answer.status)

    def _delete(self, operation: DeploymentOperation) -> bool:
        """Delete what the template does not name. What another one refers to that goes too waits for that."""
        if operation.resource_id in set(_deployed(self.operations)):  # a nested deployment has named it
            return self._record(operation, state=State.SUCCEEDED)
        if operation.state == State.WAITING and not self._record(
            operation, state=State.RUNNING, started_at=clock.now()
        ):
            return False
        try:
            answer = self.caller.ask("DELETE", operation.resource_id, operation.api_version)
        except ArmError as error:
            if error.code == IN_USE and self._goes_another(operation):
                return False
            raise
        announced = answer.headers.get("Azure-AsyncOperation")
        if announced:
            return self._record(operation, follows=_relative(announced), status_code=answer.status)
        return self._record(operation, state=State.SUCCEEDED, status_code=answer.status)

    def _goes_another(self, operation: DeploymentOperation) -> bool:
        """Whether something else goes still, so that it may be free later."""
        others = [each for each in self.operations if each.is_deletion and each is not operation]
        return any(each.follows and each.state == State.RUNNING or each.state == State.WAITING for each in others)

    def _is_begun(self, resource: Resource) -> bool:
        """Whether whoever died after this was recorded has begun this nested deployment: it cannot be begun twice."""
        if not resource.is_deployment:
            return False
        own = {"key": key_of_id(resource.id), "correlation_id": self.row.correlation_id}
        return Deployment.objects.filter(**own, ended_at=None).exists()

    def _follow(self, operation: DeploymentOperation) -> bool:
        answer = self.caller.follow(operation.follows)
        state = _state_of(answer)
        if state == State.FAILED:
            return self._failed(operation, _failed_provisioning(answer), status=409)
        return state == State.SUCCEEDED and self._record(operation, state=State.SUCCEEDED)

    def _failed(self, operation: DeploymentOperation, error: ArmError, status: int | None = None) -> bool:
        said = self.plan.hidden.hide(detail(error, operation.resource_id))
        return self._record(operation, state=State.FAILED, status_code=status or error.status, error=said)

    def _record(self, operation: DeploymentOperation, **columns: Any) -> bool:
        return record_operation(self.row, operation, clock.now(), **columns)

    def _resource(self, operation: DeploymentOperation) -> Resource:
        """Raises TemplateError where the template makes others now: what it was made with is another."""
        found = next((each for each in self.plan.resources if each.id == operation.resource_id), None)
        if found is None:
            raise TemplateError(f"{operation.resource_id!r} is not in the template any more")
        return found

    # --- the end ---

    def _end_if_over(self) -> None:
        states = {operation.state for operation in self.operations}
        if State.RUNNING in states or any(map(self._is_ready, self.operations)):
            return
        failed = [operation for operation in self.operations if operation.state == State.FAILED]
        if failed:
            _end(self.row, _failed_deployment(failed))
            return
        try:
            outputs = as_shown(self.plan.template.outputs(reference_to(self.caller, self.plan.template)))
        except TemplateError as error:
            said = self.plan.hidden.hide_in(str(error))
            message = f"Unable to evaluate template outputs: '{said}'."
            _end(self.row, {"code": "DeploymentOutputEvaluationFailed", "message": message})
            return
        deployed = list(_deployed(self.operations))
        end_deployment(self.row, clock.now(), outputs=self.plan.hidden.hide(outputs), deployed=deployed)


def _deployed(operations: Sequence[DeploymentOperation]) -> Iterator[str]:
    """The ids of what was deployed; of a nested deployment those of what that has deployed."""
    for each in (each for each in operations if not each.is_deletion):
        if each.resource_type.lower() == TYPE:
            nested = Deployment.objects.filter(key=key_of_id(each.resource_id)).first()
            yield from nested.deployed if nested else ()
        else:
            yield each.resource_id


def _address_of_change(answer: Answer, resource: Resource) -> str:
    """Where it is said how far a change is; empty where it is done."""
    announced = answer.headers.get("Azure-AsyncOperation")
    if announced:
        return _relative(announced)
    return "" if _state_of(answer) == State.SUCCEEDED else _own_address(resource)


def _relative(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _own_address(resource: Resource) -> str:
    return f"{quote(resource.id)}?{urlencode({'api-version': resource.api_version})}"


def _state_of(answer: Answer) -> str:
    """Of an operation, or of a resource. What says nothing is done."""
    body = answer.body if isinstance(answer.body, dict) else {}
    properties = body.get("properties")
    state = properties.get("provisioningState") if isinstance(properties, dict) else None
    said = body.get("status", state)
    return OVER.get(str(said or "Succeeded").lower(), State.RUNNING)


def _failed_provisioning(answer: Answer) -> ArmError:
    body = answer.body if isinstance(answer.body, dict) else {}
    inner = body.get("error") or (body.get("properties") or {}).get("error")
    message = "The resource write operation failed to complete successfully, because it reached terminal provisioning state 'Failed'."
    return ArmError("ResourceDeploymentFailure", message, details=[inner] if isinstance(inner, dict) else [])


def _failed_deployment(failed: Sequence[DeploymentOperation]) -> dict[str, Any]:
    return {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed. Please list deployment operations for details.",
        "details": [operation.error for operation in failed],
    }


def under_way(now: datetime) -> list[int]:
    """The deployments that nobody works on, those that have waited longest first."""
    rows = Deployment.objects.filter(ended_at=None).exclude(worked_until__gte=now)
    return list(rows.order_by("changed_at").values_list("pk", flat=True))
