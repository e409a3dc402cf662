"""A worker with the factory's settings: python -m flows.worker [--pool cpu|gpu] [--card N]

With ``--card`` it runs one flow at a time, on that card alone, and refuses one that has a worker.
"""

import os
import socket
import sys

import click

from flows.operation.cards import CARD, CardLock, CardTaken
from flows.operation.draining import supervise
from flows.operation.environment import HERE, ROOT, WORKER, apply, server_url
from varifactory.errors import FactoryError

RUNS = 2
"""Flows at a time on a pool without cards: a short check need not wait for a long run."""


@click.command(help="Start a worker that takes runs from a pool.")
@click.option("--pool", default="cpu", show_default=True, help="Work pool: cpu or gpu.")
@click.option("--card", default="", metavar="N",
              help="Its own card, by the driver's number or UUID.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), default=None,
              help=f"Flows at a time: {RUNS}, and always 1 with a card.")  # fmt: skip
@click.option("--healthcheck", is_flag=True, help="Answer http://127.0.0.1:8080/health.")
def worker(pool: str, card: str, limit: int | None, healthcheck: bool) -> None:
    """Run Prefect's worker, and let its runs drain when it is to stop."""
    try:
        keep = [_owned(card, limit).handle] if card else []
    except FactoryError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(2)
    settle()
    runs = 1 if card else limit or RUNS
    name = "-".join([socket.gethostname(), pool, f"card{card}" if card else str(os.getpid())])
    command = [sys.executable, "-m", "prefect", "worker", "start", "--type", "process",
               "--pool", pool, "--name", name, "--limit", str(runs)]  # fmt: skip
    command += ["--with-healthcheck"] if healthcheck else []
    sys.exit(supervise(command, keep))


def settle() -> None:
    """The environment that the worker's runs get: the same as of a command."""
    apply(WORKER)
    os.environ.setdefault(HERE, str(ROOT))
    os.environ["PREFECT_API_URL"] = server_url()  # a worker of a temporary one would be of no use


def _owned(card: str, limit: int | None) -> CardLock:
    if limit not in (None, 1):
        raise CardTaken(
            f"--limit is {limit}: one card runs one flow at a time; start a worker a card"
        )
    lock = CardLock(card, "worker")
    if not lock.take(wait=False):
        raise CardTaken(
            f"card {card} has a worker already (lock {lock.path}): end that one, or name another "
            "card with --card"
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = card
    os.environ[CARD] = card
    return lock


if __name__ == "__main__":
    worker()
