"""What the code of each reason means: the table of all codes, the weightiest reason first. Its sentences are in core/catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from upgrades.core.steps import Why


class LiftedBy(StrEnum):
    """Who can end what the reason is about."""

    NOBODY = "nobody"  # it passes by itself
    OPERATOR = "operator"
    OWNER = "owner"  # the person who opted the instance out
    PUBLISHER = "publisher"


class ReasonCode(StrEnum):
    """Codes of reasons that `decide` never waits for. The codes of all others are in `Why`."""

    OPT_OUTS_LEAVE_NOTHING = "OptOutsLeaveNothing"
    SHUT_BY_OPT_OUTS = "OptOutsKeepTheGateShut"
    QUARANTINED = "Quarantined"
    OPTED_OUT = "OptedOut"
    SWITCHED_OFF = "SwitchedOff"
    HALF_MADE = "HalfMade"
    DRIFTED = "RunsAnotherVersion"
    FAILED_BEFORE = "FailedOnThisVersion"
    SUSPECTED = "VersionSuspected"
    WITHDRAWN = "VersionWithdrawn"
    CREDENTIALS_ENDED = "CredentialsExpired"
    CREDENTIALS_END = "CredentialsExpireSoon"
    REFERENCES_FAILED = "ReferencesFailed"
    PINNED = "PinnedToAnotherVersion"
    PINNED_WITHDRAWN = "PinnedVersionWithdrawn"
    WAITS_FOR_TURN = "WaitsForItsTurn"
    AUTOMATIC_OFF = "AutomaticUpgradesOff"
    SURPLUS = "SurplusIsKept"
    WAITS_FOR_NEXT_UPGRADE = "WaitsForTheNextUpgrade"


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """What one code means. Its sentences are in core/catalogue, under the code.

    `fill`, `glyph`: how pages show it; instance states use the same names. `holder`: the name of what holds things, such as "health".
    `lifted_by`: who can end it; `action`: the command that would end it, "" for none. A reason found in the facts may have others.
    `is_brief`: rows of tables show it in few words. False where the numbers in the row say the same.
    `ends_by_itself`: it ends without anybody's action. `is_work`: work on machines is under way, and its end is awaited.
    `holds_instances`: it holds the instances that are still to be upgraded.
    `at_the_gate`: a running upgrade waits for it before its next batch.
    `needs_person_after`: how many seconds after its beginning a person has to act; None for never.
    `of_instances`: it is about single instances, and each of them shows it too.
    `explains`: the instance states that it accounts for.
    `gauge`: the board's gauge that shows it. `tries_again`: when it ends, the stopped attempt is tried again.
    """

    fill: str
    glyph: str
    holder: str = ""
    lifted_by: LiftedBy = LiftedBy.NOBODY
    action: str = ""
    is_brief: bool = True
    ends_by_itself: bool = False
    is_work: bool = False
    holds_instances: bool = False
    at_the_gate: bool = False
    needs_person_after: int | None = None
    of_instances: bool = False
    explains: tuple[str, ...] = ()
    gauge: str = ""
    tries_again: bool = False


_OPERATOR, _OWNER, _PUBLISHER = LiftedBy.OPERATOR, LiftedBy.OWNER, LiftedBy.PUBLISHER


def _work_kind(glyph: str, fill: str = "active", holder: str = "batch", *, is_brief: bool = True) -> ReasonKind:
    return ReasonKind(fill, glyph, holder, is_brief=is_brief, ends_by_itself=True, is_work=True)


# Reasons are ranked in this order, the weightiest first. The columns: fill, glyph, holder, who lifts it, action.
KINDS: Mapping[StrEnum, ReasonKind] = {
    Why.NO_IMAGE: ReasonKind("waiting", "pending", "image", _PUBLISHER, "publish_image", needs_person_after=0),
    Why.CREATION_FAILED: ReasonKind(
        "failure", "failed", "capacity", _OPERATOR, "retry_now", needs_person_after=0, of_instances=True
    ),
    Why.ELSEWHERE: ReasonKind(
        "attention", "unknown", "capacity", _OPERATOR, "retry_now", needs_person_after=0, of_instances=True
    ),
    Why.GONE: ReasonKind("attention", "unknown", "capacity", ends_by_itself=True, of_instances=True),
    ReasonCode.SURPLUS: ReasonKind("out", "opted-out", "capacity", _OPERATOR),
    # No action: opting these instances in would not help, because they would still count as unhealthy.
    ReasonCode.SHUT_BY_OPT_OUTS: ReasonKind("attention", "unhealthy", "health", _OWNER, needs_person_after=0),
    Why.TOO_MANY_UNHEALTHY: ReasonKind(
        "attention", "unhealthy", "health", _OPERATOR, holds_instances=True, of_instances=True, gauge="unhealthy"
    ),
    Why.PROVIDER_UNAVAILABLE: ReasonKind(
        "attention", "unknown", "provider", _OPERATOR, holds_instances=True, at_the_gate=True, needs_person_after=15
    ),
    Why.IMAGE_MISSING: ReasonKind(
        "attention", "unknown", "provider", _OPERATOR, holds_instances=True, at_the_gate=True, needs_person_after=0
    ),
    Why.STORAGE_MISSING: ReasonKind(
        "attention", "unknown", "provider", _OPERATOR, holds_instances=True, at_the_gate=True, needs_person_after=0
    ),
    Why.HOST_FULL: ReasonKind(
        "attention", "unknown", "provider", _OPERATOR, holds_instances=True, at_the_gate=True, needs_person_after=0
    ),
    # Health that is stale for a moment needs nobody.
    Why.STALE_HEALTH: ReasonKind(
        "attention", "unknown", "health", holds_instances=True, at_the_gate=True, needs_person_after=15
    ),
    # Shown as waiting, because people asked for it. Only what is wrong is shown as wrong.
    Why.FLEET_STOPPED: ReasonKind(
        "waiting", "fleet-stop", "fleet stop", _OPERATOR, "end_fleet_stop", holds_instances=True, at_the_gate=True
    ),
    Why.PAUSED: ReasonKind("waiting", "held", "pause", _OPERATOR, "resume", holds_instances=True, at_the_gate=True),
    Why.WAITING_FOR_APPROVAL: ReasonKind(
        "waiting", "held", "approval", _OPERATOR, "approve", at_the_gate=True, needs_person_after=0
    ),
    ReasonCode.OPT_OUTS_LEAVE_NOTHING: ReasonKind("out", "opted-out", "opt-out", _OPERATOR),
    Why.BACKING_OFF: ReasonKind(
        "waiting", "held", "retry", _OPERATOR, "retry_now", holds_instances=True, tries_again=True
    ),
    Why.CANCELLED_BEFORE: ReasonKind("waiting", "held", "retry", _OPERATOR, "retry_now", holds_instances=True),
    # No action: the model is changed, over the API, at the terminal or in the admin.
    ReasonCode.CREDENTIALS_ENDED: ReasonKind("attention", "failed", "credentials", _OPERATOR, needs_person_after=0),
    ReasonCode.REFERENCES_FAILED: ReasonKind("attention", "unknown", "references", _OPERATOR, needs_person_after=0),
    ReasonCode.SUSPECTED: ReasonKind("attention", "failed", "version", _PUBLISHER, "publish_image"),
    ReasonCode.PINNED_WITHDRAWN: ReasonKind("attention", "held", "version", _OPERATOR, needs_person_after=0),
    ReasonCode.WITHDRAWN: ReasonKind("attention", "held", "version", _OPERATOR, needs_person_after=0),
    ReasonCode.CREDENTIALS_END: ReasonKind("attention", "held", "credentials", _OPERATOR, needs_person_after=0),
    ReasonCode.PINNED: ReasonKind("waiting", "pending", "version", _OPERATOR),
    ReasonCode.AUTOMATIC_OFF: ReasonKind("waiting", "pending", "automatic upgrades", _OPERATOR),
    ReasonCode.HALF_MADE: ReasonKind(
        "attention", "failed", "machine", _OPERATOR, needs_person_after=0, of_instances=True
    ),
    ReasonCode.DRIFTED: ReasonKind(
        "attention", "unknown", "version", _OPERATOR, needs_person_after=0, of_instances=True
    ),
    ReasonCode.QUARANTINED: ReasonKind(
        "attention", "quarantined", "quarantine", _OPERATOR, "release", needs_person_after=0, of_instances=True
    ),
    ReasonCode.FAILED_BEFORE: ReasonKind(
        "failure", "failed", "retry", _OPERATOR, of_instances=True, explains=("failed", "rolled-back")
    ),
    ReasonCode.OPTED_OUT: ReasonKind(
        "out", "opted-out", "opt-out", _OWNER, "opt_in", is_brief=False, of_instances=True, explains=("opted-out",)
    ),
    ReasonCode.SWITCHED_OFF: ReasonKind("waiting", "switched-off", "power", _OPERATOR, of_instances=True),
    Why.ROLLING_BACK: _work_kind("rolling-back", "attention"),
    Why.INITIALIZING: ReasonKind("active", "verifying", "health", ends_by_itself=True, at_the_gate=True),
    Why.PAUSE_BETWEEN_BATCHES: ReasonKind(
        "active", "held", "pause", _OPERATOR, "next_batch_now", ends_by_itself=True, at_the_gate=True
    ),
    Why.QUOTA_UNKNOWN: ReasonKind("waiting", "unknown", "room"),
    Why.REPLACING: _work_kind("upgrading", is_brief=False),
    Why.SURGING: _work_kind("upgrading", is_brief=False),
    Why.RUNNING_EXTENSIONS: _work_kind("upgrading", is_brief=False),
    Why.VERIFYING: _work_kind("verifying", is_brief=False),
    Why.REMOVING_REPLACED: _work_kind("upgrading", holder="room"),
    Why.CREATING: _work_kind("upgrading", holder="capacity"),
    ReasonCode.WAITS_FOR_TURN: ReasonKind("waiting", "queued", "batch", is_brief=False, ends_by_itself=True),
    ReasonCode.WAITS_FOR_NEXT_UPGRADE: ReasonKind("waiting", "pending", "batch", is_brief=False, ends_by_itself=True),
    Why.NOTHING_TO_DO: ReasonKind("done", "done", ends_by_itself=True),
}
RANK = {code: place for place, code in enumerate(KINDS)}
WORK = frozenset(code for code, kind in KINDS.items() if kind.is_work)
HOLDS = frozenset(code for code, kind in KINDS.items() if kind.holds_instances)
AT_THE_GATE = frozenset(code for code, kind in KINDS.items() if kind.at_the_gate)
