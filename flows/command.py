"""The command line of a flow: options, Prefect's temporary server, JSON, exit codes."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import FrameType
from typing import Any

import click

from flows.operation.environment import WORKER, apply
from flows.operation.server import start_server
from varifactory.answering import DEFAULT_STORE
from varifactory.errors import FactoryError, ModelError, RecipeError, SourceError
from varifactory.recipe import Recipe
from varifactory.shards.working import Interrupted, stopping

DONE, FAILED, WRONG_USE = 0, 1, 2
"""Exit codes: done; done with failed items or a failed run; wrong use."""

Work = Callable[..., dict[str, Any]]
"""A flow: a recipe, a store's URL, and what else its command takes."""

PREVIEW = click.option("--preview", default=0, metavar="N", type=click.IntRange(0),
                       help="So many source images first, for real; the whole run finds them "
                       "made.")  # fmt: skip


class ServerGone(FactoryError):
    """Prefect's server failed for longer than its client is patient."""


def flow_command(
    name: str, summary: str, load: Callable[[], Work], *, previews: bool = False
) -> click.Command:
    """A command ``RECIPE [--set key=value] [--store URL] [--json]`` around a flow.

    ``load`` imports the flow; it is called after the environment is set. With ``previews`` the
    command takes ``--preview N`` too.
    """

    @click.command(name=name, help=summary)
    @click.argument("recipe")
    @click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key.")
    @click.option("--store", default=DEFAULT_STORE, show_default=True, metavar="URL",
                  envvar="VARIFACTORY_STORE", show_envvar=True)  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
    def command(
        recipe: str, settings: tuple[str, ...], store: str, as_json: bool, **more: int
    ) -> None:
        sys.exit(_run(load, recipe, settings, store, as_json, more))

    return PREVIEW(command) if previews else command


def _run(
    load: Callable[[], Work],
    path: str,
    settings: tuple[str, ...],
    store: str,
    as_json: bool,
    more: dict[str, int],
) -> int:
    def ready() -> Callable[[], dict[str, Any]]:
        recipe = Recipe.read(path, settings)
        return partial(load(), recipe, store, **more)

    return answer(ready, as_json)


def answer(ready: Callable[[], Callable[[], dict[str, Any]]], as_json: bool) -> int:
    """Run a flow from the command line and say what it said; the exit code.

    ``ready`` imports the flow and gives its call; it is called after the environment is set.
    """
    _listen()
    try:
        set_environment()
        with unattended():
            work = ready()
            quiet_logs()
            started = start_server()
            summary = work() | {"server_seconds": round(started, 1)}
    except FactoryError as error:
        return _explain(error, as_json)
    except BaseException as error:
        told = _told(error)
        if told is None:
            raise
        return _explain(told, as_json)
    _say(summary, as_json)
    return FAILED if summary.get("failed") else DONE


def _told(error: BaseException) -> FactoryError | None:
    """An error of Prefect's in our words; None for one that is not known."""
    from httpx import HTTPError

    # Prefect turns SIGTERM into an error of its own and sends the signal on once it is done.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "TerminationSignal":
        return Interrupted("stopped by a signal: run it again to go on")
    if isinstance(error, HTTPError):
        return ServerGone(
            f"Prefect's server at {os.environ.get('PREFECT_API_URL', 'its temporary address')} did "
            f"not do what it was asked ({type(error).__name__}: {str(error).partition(' - ')[0]}): "
            "look at its log and its database. What was finished is kept: run the same again"
        )
    return None


def set_environment() -> None:
    """Settings of a run, as a worker's, where the environment has none of its own."""
    apply(WORKER)
    # The temporary server is ended with the command, in the middle of what it does.
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")


def unattended() -> AbstractContextManager[object]:
    """Prefect's settings for lines that are written outside a flow run: the screen is enough."""
    from prefect.settings import PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

    return temporary_settings({PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"})


def _explain(error: FactoryError, as_json: bool) -> int:
    click.echo(f"{type(error).__name__}: {error}", err=True)
    if as_json:
        click.echo(json.dumps({"error": str(error), "kind": type(error).__name__}))
    return FAILED if _is_run_failure(error) else WRONG_USE


def _is_run_failure(error: FactoryError) -> bool:
    """Whether a run failed; a wrong name, recipe or folder is wrong use even once it has begun."""
    if isinstance(error, RecipeError | SourceError | ModelError):
        return False
    under_way = "raised by a run under way" in getattr(error, "__notes__", ())
    return under_way or isinstance(error, Interrupted | ServerGone)


def _listen() -> None:
    """Messages to standard error; Ctrl-C and SIGTERM drain the batch under way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    factory = logging.getLogger("varifactory")
    factory.handlers[:] = [handler]
    factory.setLevel(logging.INFO)
    factory.propagate = False
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


def quiet_logs() -> None:
    """Keep Prefect's lines off the screen and in its UI, ours on both."""
    import prefect.main  # noqa: F401  # sets Prefect's handlers up, so that they can be found
    from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler

    for name in (None, *logging.root.manager.loggerDict):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, PrefectConsoleHandler):
                handler.setLevel(logging.CRITICAL)
    factory = logging.getLogger("varifactory")
    if not any(isinstance(handler, APILogHandler) for handler in factory.handlers):
        factory.addHandler(APILogHandler())


def _stop(number: int, frame: FrameType | None) -> None:
    if stopping.is_set():
        raise KeyboardInterrupt
    stopping.set()
    click.echo("stopping after the batch under way; once more to stop at once", err=True)


def _say(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary, default=str))
        return
    for line in summary.get("lines", []):
        click.echo(line)
    for name in ("gallery", "report"):
        if summary.get(name):
            click.echo(f"{name}: {summary[name]}")
