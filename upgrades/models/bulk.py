"""Row writes of the hot path: the only SQL in the code base.

Django's `bulk_update` writes about 1,000 rows/s (it builds a CASE for every cell); these functions write 40 to 200 times as many.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import CharField, Model, TextField

from upgrades.models import statements

Row = TypeVar("Row", bound=Model)


def update(rows: Sequence[Row], *names: str) -> None:
    """Write the named fields of all rows (of one model) in one statement. Must run inside a transaction."""
    if not rows:
        return
    meta, connection = rows[0]._meta, connections[DEFAULT_DB_ALIAS]
    fields = [meta.get_field(name) for name in names]
    cells = _cells(rows, [*fields, meta.pk], connection)
    table, key, *columns = _quoted(connection, meta.db_table, meta.pk, *fields)
    if connection.vendor == "postgresql":
        types = [_array_type(field, connection) for field in (*fields, meta.pk)]
        _update_from_arrays(connection, table, key, columns, types, cells)
    else:
        assignments = ", ".join(f"{column} = %s" for column in columns)
        statements.execute_many(connection, f"UPDATE {table} SET {assignments} WHERE {key} = %s", cells)


def insert(rows: Sequence[Row]) -> None:
    """Insert new rows (of one model). The database makes their keys, which are not read back. Must run inside a transaction."""
    if not rows:
        return
    meta, connection = rows[0]._meta, connections[DEFAULT_DB_ALIAS]
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    table, *columns = _quoted(connection, meta.db_table, *fields)
    places = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
    statements.execute_many(connection, sql, _cells(rows, fields, connection))


def _quoted(connection: Any, table: str, *fields: Any) -> list[str]:
    quote = connection.ops.quote_name
    return [quote(table), *(quote(str(field.column)) for field in fields)]


def _cells(rows: Sequence[Model], fields: Sequence[Any], connection: Any) -> list[list[Any]]:
    """What the database's driver is given for each field of each row. Most are texts, which no field changes."""
    named = [(field.attname, isinstance(field, CharField | TextField), field.get_db_prep_save) for field in fields]
    return [
        [
            value if is_text and isinstance(value, str) else prepare(value, connection)
            for is_text, prepare, value in ((is_text, prepare, getattr(row, name)) for name, is_text, prepare in named)
        ]
        for row in rows
    ]


def _update_from_arrays(
    connection: Any, table: str, key: str, columns: list[str], types: list[str], cells: list[list[Any]]
) -> None:
    names = [f"c{index}" for index in range(len(columns))]
    assignments = ", ".join(f"{column} = v.{name}" for column, name in zip(columns, names, strict=True))
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    sql = f"UPDATE {table} AS t SET {assignments} FROM unnest({arrays}) AS v({', '.join(names)}, k) WHERE t.{key} = v.k"
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(column) for column in zip(*cells, strict=True)])


def _array_type(field: Any, connection: Any) -> str:
    """The type of a column without its length, "varchar(16)" -> "varchar"; for a foreign key that of the column it refers to."""
    target = field.target_field if field.is_relation else field
    kind = target.db_type(connection) or "text"
    return {"bigserial": "bigint", "serial": "integer"}.get(kind, kind.split("(")[0])
