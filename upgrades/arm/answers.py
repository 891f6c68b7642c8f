"""What views answer, and lists by pages."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet

from upgrades.arm import options
from upgrades.arm.errors import ArmError
from upgrades.arm.options import SKIP_TOKEN

if TYPE_CHECKING:
    from upgrades.arm.requests import Call

PAGE = 100
RETRY_SECONDS = "1"
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: nothing at all."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=10_000)  # in a list of instances most times come again
def time(at: datetime | None) -> str | None:
    """As Azure writes it: seven decimals and the zone."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00" if at else None


def everything(rows: Sequence[Any]) -> Answer:
    """A short list, in one page."""
    return Answer({"value": list(rows)})


def page(
    call: "Call",
    rows: QuerySet[Row],
    render: Callable[[list[Row]], list[Any]],
    *,
    by: str = "key",
    size: int = PAGE,
    fits: Callable[[Row], bool] | None = None,
) -> Answer:
    """The part of the list that the request asks for, and where it goes on. `by`: a column that is different in each row.

    `fits`: says which rows are meant. The views that honour $top need do nothing for it.
    """
    after = _read_token(call.query.get(SKIP_TOKEN), str if by == "key" else int)
    ordered = rows.order_by(by) if after is None else rows.order_by(by).filter(**{f"{by}__gt": after})
    wanted = options.top(call.query)
    shown = size if wanted is None else min(size, wanted)
    found = list(islice(filter(fits, ordered.iterator()), shown + 1)) if fits else list(ordered[: shown + 1])
    body: dict[str, Any] = {"value": render(found[:shown])}
    if len(found) > shown and shown == size and wanted != size:
        body["nextLink"] = _next_link(call, getattr(found[size - 1], by), wanted and wanted - size)
    return Answer(body)


def newest_first(
    call: "Call", rows: QuerySet[Row], render: Callable[[list[Row]], list[Any]], size: int = PAGE
) -> Answer:
    """As `page`, for rows whose numbers grow with time."""
    before, wanted = _read_token(call.query.get(SKIP_TOKEN), int), options.top(call.query)
    ordered = (rows if before is None else rows.filter(pk__lt=before)).order_by("-pk")
    shown = size if wanted is None else min(size, wanted)
    found = list(ordered[: shown + 1])
    body: dict[str, Any] = {"value": render(found[:shown])}
    if len(found) > shown and shown == size and wanted != size:
        body["nextLink"] = _next_link(call, found[size - 1].pk, wanted and wanted - size)
    return Answer(body)


def _next_link(call: "Call", last: object, wanted: int | None) -> str:
    """`wanted`: how many are still to come at most."""
    token = base64.urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")
    kept = {name: value for name, value in call.given_query.items() if name.lower() not in (SKIP_TOKEN, options.TOP)}
    kept |= {} if wanted is None else {options.TOP: str(wanted)}
    return f"{call.url(call.path)}?{urlencode({**kept, '$skiptoken': token})}"


def _read_token(given: str | None, kind: type) -> Any:
    """The last one of the page before."""
    if not given:
        return None
    try:
        last = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        last = None
    if type(last) is not kind or not (0 <= last < 2**31 if isinstance(last, int) else str(last).isprintable()):
        message = "the $skiptoken is not one of ours: take it from the nextLink of the page before"
        raise ArmError("InvalidParameter", message, target="$skiptoken")
    return last
