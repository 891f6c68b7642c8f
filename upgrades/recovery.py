"""Read only: how far a scale set has recovered from an upgrade that stopped, in the four steps of the document (S-44 to S-47).

"Regenerate the token (or any other credentials) that was passed to your extension; make sure that any credential used from inside the VM to
talk to external entities is up to date; update the extensions in the scale set model with the new tokens; deploy the updated scale set,
which will update all VM instances including the failed ones."
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from upgrades.core import credentials
from upgrades.core.credentials import Credential, FailedReference
from upgrades.core.states import HAS_FAILED, UpgradeStatus
from upgrades.history import standings
from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet

MAX_FAILURES = 5  # that are shown
NEW_MODEL = "a new model"  # as commands/scale_sets.py ends the wait for the next attempt


@dataclass(frozen=True, slots=True)
class Recovery:
    """`stopped`: the upgrade that stopped; `failures`: its first failed instances, with their errors.

    Step 1: `ended`, the credentials of the model that have ended. Step 2: `failed`, references that failed their last check, and
    `is_checked`, whether that was after the last change of the model. Step 3: `has_new_model`, whether the model was changed since. Step 4:
    `next`, the upgrade after it, None before one began; `left`: how many instances do not run the wanted version.
    """

    stopped: RollingUpgrade
    failures: Sequence[InstanceUpgrade]
    ended: Sequence[Credential]
    failed: Sequence[FailedReference]
    is_checked: bool
    has_new_model: bool
    next: RollingUpgrade | None
    left: int

    @property
    def is_running(self) -> bool:
        return self.next is not None and self.next.ended_at is None

    @property
    def is_done(self) -> bool:
        return self.next is not None and self.next.status == UpgradeStatus.COMPLETED and not self.left


def recovery_of(row: ScaleSet, now: datetime) -> Recovery | None:
    """The recovery from the last upgrade that stopped; None where the last two did not."""
    latest = list(row.upgrades.all()[:2])
    stopped = next((upgrade for upgrade in latest if upgrade.status == UpgradeStatus.FAULTED), None)
    if stopped is None:
        return None
    failures = InstanceUpgrade.objects.filter(upgrade=stopped, state__in=sorted(state.value for state in HAS_FAILED))
    standing = standings([row], now)[row.pk]
    return Recovery(
        stopped,
        list(failures.order_by("batch__number", "instance_number")[:MAX_FAILURES]),
        credentials.ended(credentials.from_json(row.credentials), now),
        credentials.failed_from_json(row.failed_references),
        is_checked=row.references_due_at is not None,
        has_new_model=stopped.retry_skipped_by == NEW_MODEL or latest[0] is not stopped,
        next=latest[0] if latest[0] is not stopped else None,
        left=standing.instances - standing.by_version.get(row.wanted_version() or "", 0),
    )
