"""The command ``varifactory``: look at a store, check it, and show what it holds.

Exit codes: 0 done, 1 done with failed items or findings, 2 wrong use. Heavy imports stay inside
the commands, so that help is there at once.
"""

import click

from varifactory import __version__
from varifactory.calibration.command import calibrate
from varifactory.commands.decide import decide
from varifactory.commands.diff import diff
from varifactory.commands.doctor import doctor
from varifactory.commands.du import du
from varifactory.commands.export import export
from varifactory.commands.export_adapter import export_adapter
from varifactory.commands.gallery import gallery
from varifactory.commands.gc import gc
from varifactory.commands.invalidate import invalidate
from varifactory.commands.pin import pin
from varifactory.commands.status import status
from varifactory.commands.verify import verify
from varifactory.commands.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="varifactory")
def main() -> None:
    """Look after a store of varifactory. Data sets are made by the flows: python -m flows.study."""


for command in (
    calibrate, decide, diff, doctor, du, export, export_adapter, gallery, gc,
    invalidate, pin, status, verify, why,
):  # fmt: skip
    main.add_command(command)


if __name__ == "__main__":
    main()
