"""Reading the feed: a whole snapshot, or what came since."""

from typing import Any

from django.db import transaction

from upgrades.feed import shapes
from upgrades.models import Event, Instance, ScaleSet


def snapshot(scale_set_id: int) -> dict[str, Any]:
    """All that is visible of a scale set, and the `seq` that it is as of."""
    with transaction.atomic():
        row = ScaleSet.objects.select_related("location", "sku").get(pk=scale_set_id)
        return {"stream": str(row.stream), "seq": row.seq, **body(row)}


def body(row: ScaleSet) -> dict[str, Any]:
    instances = Instance.objects.filter(scale_set=row).select_related("member__batch").order_by("number")
    latest = row.upgrades.prefetch_related("batches").first()
    return {
        "scale_set": shapes.scale_set(row),
        "instances": {shape["id"]: shape for shape in shapes.instances(instances)},
        "upgrade": shapes.upgrade(latest) if latest else None,
    }


def since(scale_set_id: int, seq: int) -> list[Event]:
    """The events after `seq`, in order and without a gap (or the first one is not seq + 1: then they are no longer kept)."""
    return list(Event.objects.filter(scale_set=scale_set_id, seq__gt=seq).order_by("seq"))


def apply(state: dict[str, Any], event: Event) -> dict[str, Any]:
    """What a client does with an event: replace by id. snapshot + events == new snapshot."""
    body = event.body
    kept = {id: one for id, one in state["instances"].items() if id not in body.get("removed", ())}
    return {
        **state,
        "seq": event.seq,
        "scale_set": body.get("scale_set", state["scale_set"]),
        "upgrade": body.get("upgrade", state["upgrade"]),
        "instances": {**kept, **{one["id"]: one for one in body.get("instances", ())}},
    }
