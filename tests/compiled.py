"""Querysets that are read again and again: to build and compile one takes Django longer than the database needs to answer it."""

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

Row = dict[str, Any]


class Compiled:
    """A queryset of `values`, by their names, compiled once. Not by the product's own means, which are to be judged by what it reads."""

    def __init__(self, values: Any) -> None:
        self._compiler = values.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._parameters = self._compiler.as_sql()
        self._names = [*values.query.selected]

    def rows(self) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._parameters)
            found = self._compiler.results_iter([cursor.fetchall()])
        return [dict(zip(self._names, row, strict=True)) for row in found]


def all_values(model: type[Model]) -> Any:
    """The queryset of all columns of all rows."""
    return model._base_manager.values(*(field.attname for field in model._meta.concrete_fields))


@cache
def in_order(model: type[Model], vendor: str) -> Compiled:
    """All rows of a model in the order of their keys. `vendor`: the kind of database that it is compiled for."""
    return Compiled(all_values(model).order_by("pk"))
