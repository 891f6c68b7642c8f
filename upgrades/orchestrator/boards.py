"""Boards of scale sets: computed when a reconcile ends in a wait, written only where they differ from the stored ones."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from upgrades.core.board import Board as BoardBody
from upgrades.core.board import board_of
from upgrades.core.facts import Facts
from upgrades.core.forecast import Forecast, forecast, no_forecast, plan_key
from upgrades.core.needs import Needs, needs_of
from upgrades.core.states import UpgradeKind
from upgrades.models import Board, ScaleSet, bulk
from upgrades.models.prepared import Prepared
from upgrades.orchestrator.pace import pace

log = logging.getLogger(__name__)


_BOARD = Prepared(lambda pk: Board.objects.filter(scale_set=pk))


@dataclass(frozen=True, slots=True)
class BoardUpdate:
    """The board of a scale set as it is stored (`before`), and as computed now (`body`, `forecast`).

    `is_changed`: the body differs from the stored one, so viewers must be told. A new forecast alone is stored, and nobody is told.
    """

    before: Board | None
    body: dict[str, Any]
    forecast: dict[str, Any]

    @property
    def is_changed(self) -> bool:
        return self.before is None or self.before.body != self.body

    @property
    def must_be_stored(self) -> bool:
        return self.is_changed or self.before is None or self.before.forecast != self.forecast


def board_update(row: ScaleSet, facts: Facts, decision: Mapping[str, Any], now: datetime) -> BoardUpdate:
    """Compute the board. `decision`: what was decided on these facts, as it is stored."""
    before = _BOARD.first(row.pk)
    kind = facts.upgrade.kind if facts.upgrade else UpgradeKind.IMAGE
    kept = cast(Forecast, before.forecast) if before else None
    found = _forecast(row, facts, now, kept, kind)
    body = board_of(facts, now, decision["code"], found, cast(Any, before.body) if before else None)
    return BoardUpdate(before, {**body, **_needs(row, facts, body, decision)}, {**found})


def _needs(row: ScaleSet, facts: Facts, body: BoardBody, decision: Mapping[str, Any]) -> Needs:
    """What needs a person; nothing while the scale set is being deleted."""
    if row.deleting:
        return Needs(needs=[], urgency=None)
    return needs_of(body, decision["reasons"], facts.stopped)


def _forecast(row: ScaleSet, facts: Facts, now: datetime, kept: Forecast | None, kind: UpgradeKind) -> Forecast:
    """Make the plan. An error in that is logged and must not stop the upgrade: there is no plan then until something changes."""
    try:
        return forecast(facts, now, kept, lambda: pace(row, kind))
    except Exception:
        log.exception("%s: cannot make the plan; its page shows none", row)
        return no_forecast(plan_key(facts, now))


def store_board(row: ScaleSet, update: BoardUpdate) -> None:
    """Write the new board. `row` must be locked."""
    board = Board(scale_set=row, body=update.body, forecast=update.forecast)
    if update.before is None:
        board.save(force_insert=True)
    else:
        bulk.update([board], "body", "forecast")
