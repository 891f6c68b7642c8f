"""The board: what every viewer of a scale set shows, as it was when the scale set was last reconciled."""

from typing import Any

from django.db import models

from upgrades.models.scale_set import ScaleSet


class Board(models.Model):
    """The board of one scale set. It has a row of its own, since most readers and writers of a scale set do not need it.

    `body` is made by core/board.py, `forecast` is the plan behind it (core/forecast.py), kept as long as it holds. There is no row before
    the scale set is reconciled for the first time.
    """

    scale_set = models.OneToOneField(ScaleSet, on_delete=models.CASCADE, primary_key=True, related_name="board_row")
    body = models.JSONField()
    forecast = models.JSONField()

    def __str__(self) -> str:
        return f"board of {self.scale_set}"


def board_of(scale_set: ScaleSet) -> dict[str, Any] | None:
    """The body of a scale set's board; None where there is none yet. Costs no query where `board_row` was joined."""
    row: Board | None = getattr(scale_set, "board_row", None)
    body: dict[str, Any] | None = row.body if row else None
    return body
