"""Queries of the hot path: built and compiled once for each process; later calls only fill in values.

Django builds and compiles a query each time it runs, which takes several times as long as the database needs to answer it.
No answers are cached.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

from upgrades.models import statements
from upgrades.models.rows import Reader

Row = TypeVar("Row")
Value = int | str | UUID | datetime | Sequence[int] | Sequence[str] | Sequence[UUID]
MAX_LENGTH = 256  # of a list among the values; with longer lists a query is built each time


class Prepared(Generic[Row]):
    """A SELECT whose values come with each call. `build(*values)` makes the queryset; its SQL must not depend on the values.

    Values that are lists are for lookups with `__in`, for which it makes no difference that a value is repeated.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self._build = build
        self._model: type[Model] | None = None

    def rows(self, *values: Value) -> list[Row]:
        if any(isinstance(value, list | tuple) and not 0 < len(value) <= MAX_LENGTH for value in values):
            return list(self._build(*values))
        if self._model is None:
            self._model = self._build(*_stand_ins(values)).model
        alias, given = router.db_for_read(self._model), [_lengthened(value) for value in values]
        kept: _Select = _kept(self, alias, given, lambda those: _Select(self._build(*those), alias, _flat(those)))
        return kept.rows(_flat(given), connections[alias])

    def first(self, *values: Value) -> Row | None:
        """The first row, or None. All rows are fetched, so the query must ask for one or a few."""
        return next(iter(self.rows(*values)), None)


class PreparedUpdate:
    """An UPDATE whose values come with each call. `build(*values)` returns (the queryset, {column: its new value}).

    Values that are lists are for lookups with `__in`; they must not be empty.
    """

    _returning = ""

    def __init__(self, build: Callable[..., tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        self._build = build

    def __call__(self, *values: Value) -> int:
        """Run the UPDATE. Returns how many rows it changed."""
        given = [_lengthened(value) for value in values]
        return self._compiled(given).run(_flat(given))

    def _compiled(self, values: Sequence[Value]) -> "_Update":
        found: _Update = _kept(
            self,
            DEFAULT_DB_ALIAS,
            values,
            lambda stand_ins: _Update(*self._build(*stand_ins), _flat(stand_ins), self._returning),
        )
        return found


class PreparedUpdateOfOne(PreparedUpdate):
    """A `PreparedUpdate` of one row, or of none, that says what is in the integer column `returning` of it afterwards."""

    def __init__(self, build: Callable[..., tuple[QuerySet[Any], dict[str, Any]]], *, returning: str) -> None:
        super().__init__(build)
        self._returning = returning

    def value(self, *values: Value) -> int | None:
        """Run the UPDATE. Returns what is in the column then; None where no row was changed."""
        given = [_lengthened(value) for value in values]
        found = self._compiled(given).value(_flat(given))
        return None if found is None else int(found)


_compiled: dict[Any, Any] = {}


def _kept(of: object, alias: str, values: Sequence[Value], make: Callable[[list[Value]], Any]) -> Any:
    """What `make` compiled for this database and for values of these types and lengths, once for all threads."""
    shape = [(len(value) if isinstance(value, list | tuple) else type(value)) for value in values]
    key = (of, alias, _vendor(alias), *shape)
    if key not in _compiled:
        _compiled[key] = make(_stand_ins(values))
    return _compiled[key]


@cache
def _vendor(alias: str) -> str:
    return connections[alias].vendor


def _lengthened(value: Value) -> Value:
    """A list with its last value repeated up to the next power of two: so few queries are compiled for lists of all lengths."""
    if not isinstance(value, list | tuple):
        return value
    return [*value, *value[-1:] * ((1 << (len(value) - 1).bit_length()) - len(value))]


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


@dataclass(frozen=True, slots=True)
class _Text:
    """The SQL of a query, and for each value the indexes of the parameters that it fills."""

    sql: str
    parameters: list[Any]
    places: list[list[int]]

    @classmethod
    def of(cls, compiler: Any, stand_ins: Sequence[Any]) -> "_Text":
        sql, parameters = compiler.as_sql()
        adapted = [_adapted(stand_in, compiler.connection) for stand_in in stand_ins]
        places = [[at for at, given in enumerate(parameters) if given == parameter] for parameter in adapted]
        if not all(places):
            raise ValueError(f"a value is not among the parameters of {sql}")
        return cls(sql, list(parameters), places)

    def filled(self, values: Sequence[Any], connection: Any) -> tuple[Any, ...]:
        parameters = list(self.parameters)
        for places, value in zip(self.places, values, strict=True):
            for at in places:
                parameters[at] = _adapted(value, connection)
        return tuple(parameters)


class _Select:
    """A compiled SELECT. It has no state, and runs on the connection of whichever thread calls."""

    def __init__(self, queryset: QuerySet[Any, Any], alias: str, stand_ins: Sequence[Any]) -> None:
        compiler = queryset.query.get_compiler(connection=connections[alias])
        self._text = _Text.of(compiler, stand_ins)
        self._reader = Reader(queryset, compiler)

    def rows(self, values: Sequence[Any], connection: Any) -> list[Any]:
        cursor = statements.execute(connection, self._text.sql, self._text.filled(values, connection))
        with closing(cursor):
            return self._reader.read(cursor.fetchall())


class _Update:
    def __init__(
        self, queryset: QuerySet[Any], columns: dict[str, Any], stand_ins: Sequence[Any], returning: str = ""
    ) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(columns)
        self._text = _Text.of(query.get_compiler(connection=connection), stand_ins)
        self._sql = self._text.sql
        if returning:
            self._sql += f" RETURNING {connection.ops.quote_name(returning)}"

    def run(self, values: Sequence[Any]) -> int:
        with closing(self._execute(values)) as cursor:
            return int(cursor.rowcount)

    def value(self, values: Sequence[Any]) -> Any:
        with closing(self._execute(values)) as cursor:
            # All rows are fetched: only then SQLite has carried out the statement.
            found = cursor.fetchall()
            return found[0][0] if found else None

    def _execute(self, values: Sequence[Any]) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        return statements.execute(connection, self._sql, self._text.filled(values, connection))
