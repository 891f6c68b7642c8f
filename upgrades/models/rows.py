"""What the database answers to a SELECT -> what its queryset gives: model instances, tuples or single values.

Django's own iterables do the same for any queryset, but keep the state of one run, and set each field of each row through descriptors and
signals. These readers have no state, so all threads share them, and fill in the fields of a row at once. They know only what prepared
queries need: joined rows and annotations, but no prefetching, and no models with an `__init__` or a `from_db` of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from django.db.models import JSONField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable

Converter = Callable[[Any], Any]
MAX_KEPT = 4096
# Their values cannot be changed, so that one made of a text can be used again for the same text.
IMMUTABLE = ("DateTimeField", "UUIDField")
_kept_converters: dict[str, Converter] = {}


class Reader:
    """Turns the rows of one compiled SELECT into what its queryset gives."""

    def __init__(self, queryset: QuerySet[Any, Any], compiler: Any) -> None:
        self._columns: int = compiler.col_count
        self._converters = _converters(compiler)
        self._make = _maker(queryset, compiler)

    def read(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        return [self._make(self._converted(row)) for row in rows]

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        cells = list(row[: self._columns])
        for at, convert in self._converters:
            cells[at] = convert(cells[at])
        return cells


def _converters(compiler: Any) -> list[tuple[int, Converter]]:
    columns = [column for column, *_ in compiler.select[: compiler.col_count]]
    found = compiler.get_converters(columns).items()
    return [(at, _converter(steps, column, compiler.connection)) for at, (steps, column) in found]


def _converter(steps: list[Any], column: Any, connection: Any) -> Converter:
    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    kind = column.output_field.get_internal_type()
    if kind in IMMUTABLE and len(steps) == 1:
        return _kept_converters.setdefault(kind, lru_cache(MAX_KEPT)(convert))
    return _of_json(convert) if type(column.output_field) is JSONField else convert


def _of_json(convert: Converter) -> Converter:
    """Most JSON columns of most rows are empty."""

    def convert_json(value: Any) -> Any:
        if value == "{}":
            return {}
        return [] if value == "[]" else convert(value)

    return convert_json


def _maker(queryset: QuerySet[Any, Any], compiler: Any) -> Callable[[list[Any]], Any]:
    iterable = queryset._iterable_class
    if iterable is ValuesListIterable:
        return tuple
    if iterable is FlatValuesListIterable:
        return lambda cells: cells[0]
    if iterable is not ModelIterable or queryset._prefetch_related_lookups:  # type: ignore[attr-defined]
        raise TypeError(f"a prepared query gives models, tuples or single values, and prefetches nothing: {queryset!r}")
    make = _Model.of(compiler.klass_info, compiler.select, queryset.db).make
    annotations = list((compiler.annotation_col_map or {}).items())
    return partial(_annotated, make, annotations) if annotations else make


def _annotated(make: Callable[[list[Any]], Any], annotations: list[tuple[str, int]], cells: list[Any]) -> Any:
    made = make(cells)
    vars(made).update((name, cells[at]) for name, at in annotations)
    return made


@dataclass(frozen=True, slots=True)
class _Model:
    """Where in a row the fields of a model are, and the rows that are joined to it, each with the setters of both sides."""

    model: type[Model]
    names: tuple[str, ...]
    cells: slice
    key: int
    alias: str
    joined: "tuple[tuple[_Model, Callable[..., None], Callable[..., None]], ...]"

    @classmethod
    def of(cls, info: dict[str, Any], select: Sequence[Any], alias: str) -> "_Model":
        model, cells = info["model"], slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        if model.__init__ is not Model.__init__ or model.from_db.__func__ is not Model.from_db.__func__:  # type: ignore[attr-defined]
            raise TypeError(f"{model.__name__} makes its instances itself, which prepared queries would leave out")
        names = tuple(column.target.attname for column, *_ in select[cells])
        joined = tuple(
            (cls.of(there, select, alias), there["local_setter"], there["remote_setter"])
            for there in info.get("related_klass_infos", ())
        )
        return cls(model, names, cells, cells.start + names.index(model._meta.pk.attname), alias, joined)

    def make(self, cells: list[Any]) -> Any:
        """The model instance; None where a joined row is not there."""
        if cells[self.key] is None:
            return None
        made = self.model.__new__(self.model)
        vars(made).update(zip(self.names, cells[self.cells], strict=True))
        made._state = ModelState()
        made._state.db, made._state.adding = self.alias, False
        for joined, set_there, set_back in self.joined:
            other = joined.make(cells)
            set_there(made, other)
            if other is not None:
                set_back(other, made)
        return made
