"""The command ``varifactory``: look at a store, check it, and show what it holds.

Exit codes: 0 done, 1 done with failed items or findings, 2 wrong use. Heavy imports stay inside
the commands, so that help is there at once.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

import click

from varifactory import __version__
from varifactory.calibration.command import calibrate
from varifactory.commands.decide import decide
from varifactory.commands.diagnose import diagnose
from varifactory.commands.diff import diff
from varifactory.commands.doctor import doctor
from varifactory.commands.du import du
from varifactory.commands.exchange_rate import exchange_rate
from varifactory.commands.export import export
from varifactory.commands.export_adapter import export_adapter
from varifactory.commands.gallery import gallery
from varifactory.commands.gc import gc
from varifactory.commands.ingest import ingest
from varifactory.commands.invalidate import invalidate
from varifactory.commands.pin import pin
from varifactory.commands.prune import prune
from varifactory.commands.report import report
from varifactory.commands.reproduce import reproduce
from varifactory.commands.status import status
from varifactory.commands.studies import studies
from varifactory.commands.verify import verify
from varifactory.commands.why import why

GROUP = "varifactory.commands"
"""Entry points under which others add commands: those of the flows, which the wheel lacks."""


class WithOthers(click.Group):
    """The commands of the library, and those of whoever is here; these are found by name alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *_others()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command; others' are imported only when they are asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _others():
            return own
        found = _others()[cmd_name].load()
        return found if isinstance(found, click.Command) else None


@cache
def _others() -> dict[str, EntryPoint]:
    """Name -> entry point, of those whose module is there."""
    return {point.name: point for point in entry_points(group=GROUP) if _is_there(point.module)}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@click.group(cls=WithOthers, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="varifactory")
def main() -> None:
    """Look after a store of varifactory. Data sets are made by the flows: python -m flows.study."""


for command in (
    calibrate, decide, diagnose, diff, doctor, du, exchange_rate, export, export_adapter, gallery,
    gc, ingest, invalidate, pin, prune, report, reproduce, status, studies, verify, why,
):  # fmt: skip
    main.add_command(command)


if __name__ == "__main__":
    main()
