"""Long-running operations: the headers that announce one, and the addresses under which it is asked after."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from upgrades.arm import ids
from upgrades.arm.answers import RETRY_SECONDS, Answer, time
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call, resource
from upgrades.commands import async_operations
from upgrades.models import AsyncOperation, Location, RollingUpgrade, ScaleSet
from upgrades.models.async_operation import RequestKind, Status


def begun(call: Call, kind: RequestKind, scale_set: ScaleSet, upgrade: RollingUpgrade | None = None) -> dict[str, str]:
    """Headers under which the client asks how far this scale set's change, deletion or upgrade is."""
    row = async_operations.begin(kind, scale_set.key, call.now, scale_set=scale_set, upgrade=upgrade)
    return headers(call, row, scale_set.location)


def begun_on_instances(call: Call, scale_set: ScaleSet, request: uuid.UUID) -> dict[str, str]:
    """Headers under which the client asks how far the operations on instances of this request are."""
    row = async_operations.begin(RequestKind.INSTANCES, scale_set.key, call.now, scale_set=scale_set, id=request)
    return headers(call, row, scale_set.location)


def headers(call: Call, row: AsyncOperation, location: Location) -> dict[str, str]:
    path = f"{ids.of_compute_location(call.subscription, location.name)}/operations/{row.pk}"
    version = {"api-version": call.query["api-version"]}
    found = {"Azure-AsyncOperation": f"{call.url(quote(path))}?{urlencode(version)}", "Retry-After": RETRY_SECONDS}
    if row.kind != RequestKind.PUT:
        found["Location"] = f"{call.url(quote(path))}?{urlencode({**version, 'monitor': 'true'})}"
    return found


def show(call: Call, location: str, operation: str) -> Answer:
    """GET .../operations/{id}: always 200 with a status; with monitor=true 202 until what it stands for has an answer."""
    row = async_operations.store_outcome(_find(operation), call.now)
    if call.query.get("monitor", "").lower() == "true":
        return _monitored(call, row)
    return Answer(_render(row), headers={} if row.status else {"Retry-After": RETRY_SECONDS})


def _find(operation: str) -> AsyncOperation:
    try:
        row = AsyncOperation.objects.filter(pk=uuid.UUID(operation)).first()
    except ValueError:
        row = None
    if row is None:
        message = f"There is no operation '{operation[:80]}'; operations are kept for {async_operations.KEPT.days} days after their end."
        raise ArmError("NotFound", message)
    return row


def _render(row: AsyncOperation) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        "name": str(row.pk),
        "startTime": time(row.started_at),
        "status": row.status or "InProgress",
    }
    if row.status:
        body["endTime"] = time(row.ended_at)
    if row.status in (Status.FAILED, Status.CANCELED):
        body["error"] = row.error
    return body


def _monitored(call: Call, row: AsyncOperation) -> Answer:
    if not row.status:
        return Answer(
            status=202,
            headers={
                "Location": f"{call.url(quote(call.path))}?{urlencode(call.given_query)}",
                "Retry-After": RETRY_SECONDS,
            },
        )
    if row.status != Status.SUCCEEDED:
        error = row.error or {}
        message, details = str(error.get("message", "")), error.get("details", ())
        raise ArmError(str(error.get("code", "Conflict")), message, status=409, details=details)
    return Answer(status=204 if row.kind in (RequestKind.DELETE, RequestKind.DELETE_GROUP) else 200)


OPERATION = resource(ids.COMPUTE, GET=show)
