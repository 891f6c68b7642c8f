"""Errors that tell of the database's state, not of ours."""

from django.db import InterfaceError, InternalError, OperationalError

READ_ONLY = "ReadOnlySqlTransaction"  # of psycopg, which need not be installed


def is_out_of_service(error: BaseException) -> bool:
    """Whether the database is away, locked, full, or cannot be written."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, InternalError) and type(error.__cause__).__name__ == READ_ONLY
