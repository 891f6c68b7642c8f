"""The one shape of an error, and which status goes with which code."""

from collections.abc import Sequence
from typing import Any

from upgrades.commands.errors import Refused
from upgrades.core.masking import masked

STATUS = {
    "AuthenticationFailed": 401,
    "AuthorizationFailed": 403,
    "DeploymentNotFound": 404,
    "DeploymentOperationNotFound": 404,
    "NotFound": 404,
    "ResourceGroupNotFound": 404,
    "ResourceNotFound": 404,
    "SubscriptionNotFound": 404,
    "MethodNotAllowed": 405,
    "Conflict": 409,
    "DeploymentActive": 409,
    "DeploymentCannotBeCancelled": 409,
    "InvalidDeploymentLocation": 409,
    "ResourceGroupBeingDeleted": 409,
    "InUse": 409,
    "InvalidResourceGroupLocation": 409,
    "OperationNotAllowed": 409,
    "PreconditionFailed": 412,
    "RequestTooLarge": 413,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}
OTHERWISE = 400
RETRY_AFTER = {"ServiceUnavailable": "5"}


class ArmError(Exception):
    """The request is answered with an error. `headers` go with it; `status` where the code alone does not say it."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        target: str = "",
        status: int | None = None,
        headers: dict[str, str] | None = None,
        details: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        # What came may be repeated in them.
        self.code, self.message, self.target = code, masked(message), masked(target)
        self.status = status or STATUS.get(code, OTHERWISE)
        self.headers = {**({"Retry-After": RETRY_AFTER[code]} if code in RETRY_AFTER else {}), **(headers or {})}
        self.details = list(details)

    @property
    def body(self) -> dict[str, Any]:
        """{"error": {"code", "message", "target"?, "details"?}}"""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            error["target"] = self.target
        if self.details:
            error["details"] = self.details
        return {"error": error}


def refusal(error: Refused) -> ArmError:
    """A command's refusal as an answer."""
    return ArmError(error.code, error.message, target=error.target[:500])


def not_found(kind: str, group: str, name: str) -> ArmError:
    """`kind`: "Microsoft.Compute/virtualMachineScaleSets"."""
    message = f"The Resource '{kind}/{name}' under resource group '{group}' was not found."
    return ArmError("ResourceNotFound", message)


def group_not_found(group: str) -> ArmError:
    return ArmError("ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
