"""What every viewer of a scale set paints, as the last look left it."""

from typing import Any

from django.db import models

from upgrades.models.scale_set import ScaleSet


class Board(models.Model):
    """A row of its own: most who read or write a scale set need none of it.

    `body` is what core/board.py makes, `forecast` the plan behind it (core/forecast.py), which is kept while it holds. There is no row
    before the first look.
    """

    scale_set = models.OneToOneField(ScaleSet, on_delete=models.CASCADE, primary_key=True, related_name="board_row")
    body = models.JSONField()
    forecast = models.JSONField()

    def __str__(self) -> str:
        return f"board of {self.scale_set}"


def board_of(scale_set: ScaleSet) -> dict[str, Any] | None:
    """Its body; None before the first look. Read with the scale set where `board_row` was joined."""
    row: Board | None = getattr(scale_set, "board_row", None)
    body: dict[str, Any] | None = row.body if row else None
    return body
