"""How every command of ``varifactory`` takes a store and answers: words, or one JSON object."""

import json
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

from varifactory.errors import FactoryError

DEFAULT_STORE = "./.varifactory"

Answer = tuple[dict[str, Any], int]
"""What a command found, for programs, and its exit code."""
Say = Callable[..., None]


def answering(words: str) -> Callable[[Callable[..., Answer]], click.Command]:
    """A command with ``--store`` and ``--json``, whose errors are texts and whose answer is one
    JSON object where that was asked for.

    ``words`` is all of it after ``varifactory``: ``"gallery"``, ``"calibrate sample"``.
    """

    def made(function: Callable[..., Answer]) -> click.Command:
        @wraps(function)
        def run(store: str, as_json: bool, **options: Any) -> None:
            say = _quiet if as_json else click.echo
            try:
                answer, code = function(store, say, **options)
            except FactoryError as error:
                answer, code = {"error": str(error)}, 2
                click.echo(f"varifactory {words}: {error}", err=True)
            if as_json:
                click.echo(json.dumps(answer, ensure_ascii=False, default=str))
            sys.exit(code)

        run = click.option("--json", "as_json", is_flag=True,
                           help="Print one JSON object; words go to stderr.")(run)  # fmt: skip
        run = click.option("--store", default=DEFAULT_STORE, show_default=True, metavar="URL",
                           envvar="VARIFACTORY_STORE", show_envvar=True,
                           help="A folder, or s3://bucket/prefix.")(run)  # fmt: skip
        return click.command(words.split()[-1])(run)

    return made


def asked(store: str, words: tuple[str, ...], of: str) -> tuple[str, str, str | None]:
    """Store, name and version of the arguments ``[STORE] NAME[@VERSION]``; no version: None.

    ``of`` says what is named: ``study``, ``data set``.

    Raises:
        FactoryError: more than two arguments.
    """
    if len(words) > 2:
        raise FactoryError(f"{' '.join(words)}: give a store and one {of}, or a {of} alone")
    name, _, version = words[-1].partition("@")
    return (words[0] if len(words) == 2 else store), name, version or None


def told(counts: Mapping[str, Any]) -> str:
    """Counts, nested or not, in a line."""
    parts = []
    for name, value in counts.items():
        if isinstance(value, Mapping):
            parts.append(f"{name} ({told(value)})")
        else:
            parts.append(f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}")
    return ", ".join(parts) or "nothing"


def _quiet(text: str = "") -> None:
    click.echo(text, err=True)
