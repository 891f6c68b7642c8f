"""If-Match and If-None-Match: nobody overwrites what he has not seen."""

from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call


def check_conditions(call: Call, etag: str | None) -> None:
    """`etag`: of what is there now; None: nothing is. Raises ArmError."""
    headers = call.request.headers
    wanted, unwanted = headers.get("If-Match"), headers.get("If-None-Match")
    if wanted is not None and not _matches(wanted, etag):
        there = f"the resource has the ETag {etag}" if etag else "there is no such resource"
        message = f"The condition If-Match: {wanted[:100]} does not hold: {there}. Get it, then repeat the change."
        raise ArmError("PreconditionFailed", message)
    if unwanted is not None and _matches(unwanted, etag):
        message = (
            f"The condition If-None-Match: {unwanted[:100]} does not hold: the resource is there, with the ETag {etag}."
        )
        raise ArmError("PreconditionFailed", message)


def _matches(given: str, etag: str | None) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
    return etag is not None and ("*" in tags or etag.strip('"') in tags)
