"""Why something is not moving, as an additional property beside Azure's own: the same reasons as in the feed."""

from collections.abc import Mapping
from typing import Any

from upgrades.models import Instance, ScaleSet


def of_scale_set(row: ScaleSet) -> list[dict[str, Any]]:
    """All of them, the weightiest first."""
    return [_reason(reason) for reason in row.decision.get("reasons", ())]


def of_instance(scale_set: ScaleSet, row: Instance) -> list[dict[str, Any]]:
    """Those that hold this instance."""
    id, found = str(row.number), scale_set.decision.get("reasons", ())
    return [_reason(reason) for reason in found if id in (reason["instances"] or ())]


def _reason(reason: Mapping[str, Any]) -> dict[str, Any]:
    """`act` is a command of Rollgrid's own; `instanceIds` is absent where it is the scale set as a whole."""
    whole = {
        "code": reason["code"],
        "message": reason["text"],
        "gate": reason["gate"],
        "since": reason["since"],
        "earliestRelease": reason["until"],
        "liftedBy": reason["who"],
        "act": reason["act"],
        "numbers": reason["numbers"],
        "instanceIds": reason["instances"],
    }
    return {name: value for name, value in whole.items() if value not in (None, "", {})}
