"""Prefect's server with the factory's settings: python -m flows.serve [--host H] [--port P]

On this machine alone by default, with SQLite; with DATABASE=postgresql+asyncpg://... on PostgreSQL.
"""

import ipaddress
import os
import socket
import sys

import click

from flows.operation.environment import SERVER, apply
from varifactory.errors import FactoryError

PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
DATABASES = ("postgresql+asyncpg", "sqlite+aiosqlite")


class ServerError(FactoryError):
    """A server that must not be started as it was asked for."""


@click.command(help="Start Prefect's server with the factory's settings.")
@click.option("--host", default="127.0.0.1", show_default=True, envvar="PREFECT_SERVER_API_HOST",
              help="Address to listen on; beyond loopback a password is needed.")  # fmt: skip
@click.option("--port", default=4200, show_default=True, envvar="PREFECT_SERVER_API_PORT")
@click.option("--url", default="", metavar="URL", envvar="PREFECT_UI_API_URL",
              help="The API as browsers reach it, ending in /api.")  # fmt: skip
@click.option("--database", default="", metavar="URL", envvar="DATABASE",
              help="postgresql+asyncpg://user@host/name; SQLite without.")  # fmt: skip
def serve(host: str, port: int, url: str, database: str) -> None:
    """Become the server, so that signals meet it and not this command."""
    try:
        apply(SERVER)
        os.environ.update(settings(host, port, url, database))
        if not is_loopback(host):
            require_password(host)
    except FactoryError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(2)
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "server", "start"])


def settings(host: str, port: int, url: str = "", database: str = "") -> dict[str, str]:
    """The settings that follow from where the server listens; the rest is ``server.env``.

    Raises:
        ServerError: a database that Prefect does not take.
    """
    url = url or f"http://{_named(host)}:{port}/api"
    origins = [url.removesuffix("/api"), f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    found = {
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
        # Where the UI looks for its API: without it, at port 4200.
        "PREFECT_UI_API_URL": url,
        # Pages of other origins must not talk to a server that a browser can reach.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(dict.fromkeys(origins)),
    }
    if not database:
        return found
    if not database.startswith(tuple(f"{kind}://" for kind in DATABASES)):
        kind = database.split(":", 1)[0]
        raise ServerError(
            f"DATABASE begins with {kind!r}: give {' or '.join(f'{kind}://' for kind in DATABASES)}"
            "..., such as postgresql+asyncpg://prefect@db.example.org:5432/prefect"
        )
    return found | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}


def _named(host: str) -> str:
    """The address in a URL; of all addresses, which is none, this machine's name."""
    if host in ("0.0.0.0", "::"):
        return socket.getfqdn()
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_password(host: str) -> None:
    """Refuse a server that anybody in the network could run code through.

    Raises:
        ServerError: no user and password is set.
    """
    from prefect.settings import PREFECT_SERVER_API_AUTH_STRING

    user, _, password = str(PREFECT_SERVER_API_AUTH_STRING.value() or "").partition(":")
    if not user or not password:
        raise ServerError(
            f"{host} can be reached from other machines, and whoever reaches the server can start "
            f"runs: set {PASSWORD}=user:password for it, and the same value as "
            "PREFECT_API_AUTH_STRING for workers and commands; or listen on 127.0.0.1"
        )


if __name__ == "__main__":
    serve()
