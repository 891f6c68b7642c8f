"""Reading the feed: a whole snapshot, or the events since one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from upgrades.feed import shapes
from upgrades.models import Event, Instance, ScaleSet
from upgrades.models.board import board_of
from upgrades.models.prepared import Prepared
from upgrades.models.rolling_upgrade import latest_upgrade

MAX_TRIES = 4


def snapshot(scale_set_id: int) -> dict[str, Any]:
    """All that is visible of a scale set, as of one `seq`. Raises ScaleSet.DoesNotExist.

    It is read without a lock: every visible change raises the seq, so if the seq is the same before and after, all of it belongs together.
    After MAX_TRIES it is read with a lock.
    """
    for _ in range(MAX_TRIES):
        found = _read(scale_set_id)
        if _SEQ.first(scale_set_id) == found["seq"]:
            return found
    with transaction.atomic():
        ScaleSet.objects.select_for_update().get(pk=scale_set_id)
        return _read(scale_set_id)


def _read(scale_set_id: int) -> dict[str, Any]:
    row = _ROW.first(scale_set_id)
    if row is None:
        raise ScaleSet.DoesNotExist(f"there is no scale set {scale_set_id}")
    return {"stream": str(row.stream), "seq": row.seq, **body(row)}


_SEQ = Prepared(lambda pk: ScaleSet.objects.filter(pk=pk).values_list("seq", flat=True))
_ROW = Prepared(lambda pk: ScaleSet.objects.filter(pk=pk).select_related("location", "sku", "board_row"))
_INSTANCES = Prepared(
    lambda pk: (
        Instance.objects.filter(scale_set=pk).select_related("member__batch").defer(*shapes.UNSHOWN).order_by("number")
    )
)


def body(row: ScaleSet) -> dict[str, Any]:
    latest = latest_upgrade(row)
    return {
        "scale_set": shapes.scale_set(row),
        "instances": {shape["id"]: shape for shape in shapes.instances(row, _INSTANCES.rows(row.pk))},
        "upgrade": shapes.upgrade(latest) if latest else None,
        "board": board_of(row),
    }


def since(scale_set_id: int, seq: int, max_events: int | None = None) -> list[Event]:
    """The events after `seq` in order (at most `most`), without a gap; if the first is not seq + 1, the ones before it were deleted."""
    if max_events is None:
        return _SINCE.rows(scale_set_id, seq)
    return list(Event.objects.filter(scale_set=scale_set_id, seq__gt=seq).order_by("seq")[:max_events])


_SINCE = Prepared(lambda pk, seq: Event.objects.filter(scale_set=pk, seq__gt=seq).order_by("seq"))


MAX_EVENTS, MAX_CHANGED = 50, 100  # after more events, or more changed instances, it is cheaper to read all rows again


def changed_since(scale_set_id: int, known: int, seq: int) -> set[int] | None:
    """The numbers of the instances that have changed or gone by the events after `known`, up to `seq` or later.

    None where that cannot be told, so that all rows have to be read: `seq` is older, an event is missing, or there are too many.
    """
    if not 0 <= seq - known <= MAX_EVENTS:
        return None
    events = _EVENTS.rows(scale_set_id, known) if seq > known else []
    if [number for number, _ in events[: seq - known]] != list(range(known + 1, seq + 1)):
        return None
    numbers = {int(instance["id"]) for _, body in events for instance in body.get("instances", ())}
    numbers.update(int(number) for _, body in events for number in body.get("removed", ()))
    return numbers if len(numbers) <= MAX_CHANGED else None


_EVENTS = Prepared(
    lambda pk, seq: Event.objects.filter(scale_set=pk, seq__gt=seq).order_by("seq").values_list("seq", "body")
)


@dataclass(frozen=True, slots=True)
class Head:
    """The last seq of a scale set's feed, and the stream that it is of."""

    id: int
    key: str
    stream: str
    seq: int

    @property
    def revision(self) -> str:
        return f"{self.stream}.{self.seq}"


def heads() -> list[Head]:
    """The heads of all scale sets."""
    return [_head(*row) for row in ScaleSet.objects.order_by("pk").values_list("pk", "key", "stream", "seq")]


def head(key: str) -> Head | None:
    row = ScaleSet.objects.filter(key=key).values_list("pk", "key", "stream", "seq").first()
    return _head(*row) if row else None


def _head(pk: int, key: str, stream: UUID, seq: int) -> Head:
    return Head(pk, key, str(stream), seq)


def apply(state: dict[str, Any], event: Event) -> dict[str, Any]:
    """Apply an event to a snapshot as clients do, replacing by id: snapshot + events == new snapshot."""
    body = event.body
    kept = {id: instance for id, instance in state["instances"].items() if id not in body.get("removed", ())}
    return {
        **state,
        "seq": event.seq,
        "scale_set": body.get("scale_set", state["scale_set"]),
        "upgrade": body.get("upgrade", state["upgrade"]),
        "board": body.get("board", state["board"]),
        "instances": {**kept, **{instance["id"]: instance for instance in body.get("instances", ())}},
    }
