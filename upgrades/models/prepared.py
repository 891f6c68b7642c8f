"""Queries of the hot path: built and compiled once for each connection; later calls only fill in values.

Django builds and compiles a query each time it runs, which takes several times as long as the database needs to answer it.
No answers are cached.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row")
Value = int | str | UUID | datetime | Sequence[int] | Sequence[UUID]
MAX_LENGTH = 4  # of a list among the values: each length has its own compiled query; with longer lists a query is built each time


class Prepared(Generic[Row]):
    """A SELECT whose values come with each call. `build(*values)` makes the queryset; its SQL must not depend on the values."""

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self._build = build
        self._model: type[Model] | None = None

    def rows(self, *values: Value) -> list[Row]:
        if any(isinstance(value, list | tuple) and not 0 < len(value) <= MAX_LENGTH for value in values):
            return list(self._build(*values))
        if self._model is None:
            self._model = self._build(*_stand_ins(values)).model
        alias = router.db_for_read(self._model)
        kept: _Select = _kept(self, alias, values, lambda given: _Select(self._build(*given), alias, _flat(given)))
        return kept.rows(_flat(values))

    def first(self, *values: Value) -> Row | None:
        """The first row, or None. All rows are fetched, so the query must ask for one or a few."""
        return next(iter(self.rows(*values)), None)


class PreparedUpdate:
    """An UPDATE whose values come with each call. `build(*values)` returns (the queryset, {column: its new value})."""

    def __init__(self, build: Callable[..., tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        self._build = build

    def __call__(self, *values: Value) -> int:
        """Run the UPDATE. Returns how many rows it changed."""
        kept: _Update = _kept(
            self, DEFAULT_DB_ALIAS, values, lambda stand_ins: _Update(*self._build(*stand_ins), _flat(stand_ins))
        )
        return kept.run(_flat(values))


def _kept(of: object, alias: str, values: Sequence[Value], make: Callable[[list[Value]], Any]) -> Any:
    """What `make` compiled for this connection and for values of these types and lengths. It is dropped with the connection."""
    known: dict[Any, Any] = vars(connections[alias]).setdefault("rollgrid_prepared", {})
    key = (of, *((len(value) if isinstance(value, list | tuple) else type(value)) for value in values))
    if key not in known:
        known[key] = make(_stand_ins(values))
    return known[key]


def _flat(values: Sequence[Value]) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, list | tuple) else (value,))]


def _stand_ins(values: Sequence[Value]) -> list[Value]:
    """Unmistakable values of the same types, with which a query is compiled: they show which parameter each value belongs to."""
    count = 0
    found: list[Value] = []
    for value in values:
        if isinstance(value, list | tuple):
            found.append([_stand_in(each, count + index) for index, each in enumerate(value)])
            count += len(value)
        else:
            found.append(_stand_in(value, count))
            count += 1
    return found


def _stand_in(like: Any, index: int) -> Any:
    if isinstance(like, datetime):
        return datetime(9000, 1, 1, tzinfo=UTC) + timedelta(seconds=index)
    if isinstance(like, UUID):
        return UUID(int=(1 << 127) + index)
    return f"<value {index}>" if isinstance(like, str) else 1_900_000_000 + index


def _adapted(value: Any, connection: Any) -> Any:
    """The value as Django hands it to the database's driver."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


@dataclass(slots=True)
class _Text:
    """The SQL of a query, and for each value the indexes of the parameters that it fills."""

    sql: str
    parameters: list[Any]
    places: list[list[int]]
    connection: Any

    @classmethod
    def of(cls, compiler: Any, stand_ins: Sequence[Any]) -> "_Text":
        sql, parameters = compiler.as_sql()
        adapted = [_adapted(stand_in, compiler.connection) for stand_in in stand_ins]
        places = [[at for at, given in enumerate(parameters) if given == parameter] for parameter in adapted]
        if not all(places):
            raise ValueError(f"a value is not among the parameters of {sql}")
        return cls(sql, list(parameters), places, compiler.connection)

    def filled(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        parameters = list(self.parameters)
        for places, value in zip(self.places, values, strict=True):
            for at in places:
                parameters[at] = _adapted(value, self.connection)
        return self.sql, tuple(parameters)


class _Select:
    """A compiled SELECT. Django's own code turns the answer into rows."""

    def __init__(self, queryset: QuerySet[Any, Any], alias: str, stand_ins: Sequence[Any]) -> None:
        self._queryset: Any = queryset
        self._compiler: Any = queryset.query.get_compiler(connection=connections[alias])
        self._text = _Text.of(self._compiler, stand_ins)
        columns = self._compiler.select[: self._compiler.col_count]
        converters = self._compiler.get_converters([column for column, *_ in columns])
        self._compiler.get_converters = lambda _: converters
        self._queryset.query.__dict__["get_compiler"] = lambda *_, **__: self._compiler

    def rows(self, values: Sequence[Any]) -> list[Any]:
        filled = self._text.filled(values)
        self._compiler.as_sql = lambda *_, **__: filled
        return list(self._queryset._iterable_class(self._queryset))


class _Update:
    def __init__(self, queryset: QuerySet[Any], columns: dict[str, Any], stand_ins: Sequence[Any]) -> None:
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(columns)
        self._connection: Any = connections[DEFAULT_DB_ALIAS]
        compiler = query.get_compiler(connection=self._connection)
        self._text = _Text.of(compiler, stand_ins)

    def run(self, values: Sequence[Any]) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(*self._text.filled(values))
            return int(cursor.rowcount)
