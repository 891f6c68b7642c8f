"""The three clocks of a model: the time that truly passes, the processes' wall clock, and the database's. Only a test moves them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Value

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@dataclass
class Clocks:
    """`elapsed` (seconds) only ever grows; the other two are set forward and back by people and by bad luck."""

    elapsed: float = 0.0
    wall_is_off: timedelta = field(default_factory=timedelta)
    database_is_off: timedelta = field(default_factory=timedelta)
    jumped_at: float = float("-inf")

    @property
    def has_jumped(self) -> bool:
        return self.jumped_at >= 0

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.elapsed) + self.wall_is_off

    def database(self) -> datetime:
        return START + timedelta(seconds=self.elapsed) + self.database_is_off

    def monotonic(self) -> float:
        """What `time.monotonic` says: the module of a process gets these clocks for its `time`."""
        return self.elapsed

    def wait(self, seconds: float) -> None:
        self.elapsed += seconds

    def jump(self, wall: timedelta, database: timedelta) -> None:
        self.wall_is_off += wall
        self.database_is_off += database
        self.jumped_at = self.elapsed


@dataclass(frozen=True, slots=True)
class Moment:
    """A value of a statement: what the database's clock says when the statement runs, plus `ahead`."""

    clock: Callable[[], datetime]
    ahead: timedelta = timedelta()

    def now(self) -> Any:
        return connection.ops.adapt_datetimefield_value(self.clock() + self.ahead)


class DatabaseNow(Value):
    """Stands for the database's Now() in `upgrades.models.clock`: statements are compiled once with this too."""

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment, output_field=DateTimeField())

    def __add__(self, length: Any) -> Any:
        return DatabaseNow(replace(self.value, ahead=self.value.ahead + length))

    def as_sql(self, *_: Any, **__: Any) -> Any:
        return "%s", [self.value]
