"""An SQL expression over the rows of a stage, as a person types it into a form."""

import threading

import pyarrow as pa

from varifactory.errors import FactoryError

SECONDS = 30.0
"""Longest that an expression may take; over a million rows a plain one takes milliseconds."""
CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
    "threads": "2",
    "lock_configuration": "true",
}
"""DuckDB sees the one table it is given: no file, no network, no Python variable, no setting."""


class WhereError(FactoryError):
    """An expression that cannot be evaluated, or wants more than the rows it is asked of."""


def matching(table: pa.Table, expression: str, stage: str) -> frozenset[str]:
    """Keys of the rows for which ``expression`` is true.

    Args:
        table: rows with a column ``key``.
        expression: what stands behind WHERE, such as ``error_type = 'BlobLost' and seed > 5``.
        stage: whose rows they are, for messages.

    Raises:
        WhereError: it is no expression, names what is not there, or takes too long.
    """
    import duckdb

    with duckdb.connect(":memory:", config=CLOSED) as database:
        database.register("ledger", table)
        watch = threading.Timer(SECONDS, database.interrupt)
        watch.start()
        try:
            found = database.table("ledger").filter(expression).select("key").fetchall()
        except duckdb.InterruptException:
            raise WhereError(f"where {expression!r}: not done within {SECONDS:.0f} s") from None
        except duckdb.Error as error:
            told = str(error).strip().splitlines()[0]
            raise WhereError(
                f"where {expression!r}: {told}. Give an SQL condition on the columns of stage "
                f"{stage}: {', '.join(table.column_names)}"
            ) from None
        finally:
            watch.cancel()
    return frozenset(key for (key,) in found)
