"""The $filter of the activity log: a time range and what else Azure Monitor lets one ask for, joined by "and".

    eventTimestamp ge '2026-07-16T04:36:37Z' and eventTimestamp le '2026-07-20T04:36:37Z' and resourceGroupName eq 'fleet'

Azure's own tools write times with and without quotes.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from upgrades.arm.errors import ArmError
from upgrades.core.auditing import AuditOutcome, ObjectKind, Who

MAX_LENGTH = 2_000
_CONDITION = re.compile(
    r"\s*(\w+)\s+(eq|ge|gt|le|lt)\s+(?:'((?:[^']|'')*)'|([^\s']+))\s*(?:and(?=\s)|$)", re.IGNORECASE
)
_DECIMALS = re.compile(r"(\.\d{6})\d+")  # Azure writes seven
_ID = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/([^/]+)(?:/providers/(microsoft\.\w+/\w+)/([^/]+))?/?", re.IGNORECASE
)
TIME = "eventtimestamp"
COMPARED = {"ge": "at__gte", "gt": "at__gt", "le": "at__lte", "lt": "at__lt"}
FIELDS = (
    "eventTimestamp",
    "resourceGroupName",
    "resourceUri",
    "resourceId",
    "resourceProvider",
    "correlationId",
    "caller",
    "status",
    "eventChannels",
)
PROVIDERS = {
    "microsoft.compute": [ObjectKind.SCALE_SET],
    "microsoft.network": [ObjectKind.LOAD_BALANCER],
    "microsoft.resources": [ObjectKind.RESOURCE_GROUP, ObjectKind.DEPLOYMENT],
}
STATUS = {"succeeded": AuditOutcome.DONE, "failed": AuditOutcome.REFUSED}
ALL, NONE = Q(), Q(pk__in=[])


def read(given: str) -> Q:
    """Which entries are asked for. Raises ArmError: no beginning of a time range, or what is not honoured."""
    if len(given) > MAX_LENGTH:
        raise _wrong(f"has at most {MAX_LENGTH} characters, not {len(given)}")
    found, at, begins = ALL, 0, False
    while at < len(given):
        match = _CONDITION.match(given, at)
        if match is None:
            raise _wrong(f"cannot be read from {given[at : at + 40]!r} on")
        name, operator, quoted, bare = match.groups()
        value = quoted.replace("''", "'") if quoted is not None else bare
        found &= _condition(name, operator.lower(), value)
        begins = begins or (name.lower() == TIME and operator.lower() in ("ge", "gt"))
        at = match.end()
    if not begins:
        raise _wrong("is required, and says from when on")
    return found


def _wrong(why: str) -> ArmError:
    example = "eventTimestamp ge '2026-01-01T00:00:00Z' and eventTimestamp le '2026-01-02T00:00:00Z' and resourceGroupName eq 'fleet'"
    fields = ", ".join(FIELDS)
    return ArmError("InvalidParameter", f"$filter {why}: such as {example}; its fields: {fields}", target="$filter")


def _condition(name: str, operator: str, value: str) -> Q:
    if name.lower() == TIME:
        if operator not in COMPARED:
            raise _wrong("compares eventTimestamp by ge, gt, le and lt")
        return Q(**{COMPARED[operator]: _time(value)})
    read_field = _FIELDS.get(name.lower())
    if read_field is None or operator != "eq":
        raise _wrong(f"has {f'{name} {operator}'[:60]!r}, which is not honoured")
    return read_field(value)


def _time(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(_DECIMALS.sub(r"\1", value))
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return aware.astimezone(UTC) + timedelta(0)
    except (ValueError, OverflowError):
        raise _wrong(f"has {value[:40]!r}, which is no time") from None


def of_group(name: str) -> Q:
    key = name.lower()
    return Q(key=key, kind=ObjectKind.RESOURCE_GROUP) | Q(key__startswith=f"{key}/")


def _of_resource(value: str) -> Q:
    match = _ID.fullmatch(value)
    if match is None:
        return NONE
    group, kind, name = match.groups()
    if kind is None:
        return Q(key=group.lower(), kind=ObjectKind.RESOURCE_GROUP)
    kinds = {
        "microsoft.compute/virtualmachinescalesets": ObjectKind.SCALE_SET,
        "microsoft.network/loadbalancers": ObjectKind.LOAD_BALANCER,
        "microsoft.resources/deployments": ObjectKind.DEPLOYMENT,
    }
    its = kinds.get(kind.lower())
    stored = Q(key=f"{group}/{kind}/{name}".lower(), kind=ObjectKind.RESOURCE)
    return Q(key=f"{group}/{name}".lower(), kind=its) if its else stored


def _of_provider(value: str) -> Q:
    stored = Q(kind=ObjectKind.RESOURCE, key__contains=f"/{value.lower()}/")
    return Q(kind__in=PROVIDERS.get(value.lower(), [])) | stored


def _of_status(value: str) -> Q:
    its = STATUS.get(value.lower())
    return Q(outcome=its) if its else NONE


def _of_channels(value: str) -> Q:
    """All that is here came over one: who asks for others too gets it."""
    return ALL if "operation" in value.lower() else NONE


_FIELDS: dict[str, Callable[[str], Q]] = {
    "resourcegroupname": of_group,
    "resourceuri": _of_resource,
    "resourceid": _of_resource,  # so the command line calls it
    "resourceprovider": _of_provider,
    "correlationid": lambda value: Q(request_id=value),
    "caller": lambda value: Q(name=value) | Q(who_id=value.lower(), who=Who.API_CLIENT),
    "status": _of_status,
    "eventchannels": _of_channels,
}
