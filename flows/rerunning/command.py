"""The command line of the flow ``rerun``."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from flows.command import answer
from varifactory.answering import DEFAULT_STORE

TEXTS = {
    "run": "Id of the run, or its first digits; the latest by default.",
    "dataset": "The latest run of this data set.",
    "stage": "Rows of this stage alone.",
    "error_class": "Rows that failed with this error, such as BlobLost.",
    "where": "Rows for which this SQL condition on the stage's columns holds.",
    "reason": "Why good rows are made again; kept in the store.",
}


@click.command("rerun")
@click.option("--shard", type=click.IntRange(0), help="Rows of this shard alone.")
@click.option("--key", "--keys", "keys", multiple=True, metavar="KEY",
              help="An image, edit or row; its first 8 digits are enough.")  # fmt: skip
@click.option("--force", is_flag=True, help="Good rows, too.")
@click.option("--train/--no-train", default=True, show_default=True,
              help="Train again what hangs on the rows, where the run trained.")  # fmt: skip
@click.option("--store", default=DEFAULT_STORE, show_default=True, metavar="URL",
              envvar="VARIFACTORY_STORE", show_envvar=True)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def rerun_command(as_json: bool, **asked: Any) -> None:
    """Make chosen rows of a finished run again; without a choice all that failed in it."""

    def ready() -> Callable[[], dict[str, Any]]:
        from flows.rerun import rerun

        return partial(rerun, **asked)

    sys.exit(answer(ready, as_json))


for _name, _text in TEXTS.items():
    rerun_command = click.option(f"--{_name.replace('_', '-')}", default="", help=_text)(
        rerun_command
    )
