"""The commands ``varifactory calibrate``: draw edits for people to label, and read their labels."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from varifactory.answering import Answer, Say, answering

if TYPE_CHECKING:
    from varifactory.calibration.figures import CalibrationFigures


@answering("calibrate sample")
@click.option("--dataset", required=True, metavar="NAME[@VERSION]",
              help="VERSION is the latest if it is left out.")  # fmt: skip
@click.option("--n", default=120, show_default=True, type=click.IntRange(1, 100_000),
              help="Edits to draw: of every attribute, feasibility and decision.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0),
              help="Another seed draws other edits.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="New or empty.  [default: calibration-NAME-VERSION-ID]")  # fmt: skip
def sample(store: str, say: Say, dataset: str, n: int, seed: int, out: Path | None) -> Answer:
    """Write a sheet of edits for people to label.

    Open index.html in its folder, answer, and save the answers; or fill sheet.csv by hand. Neither
    shows what the judge decided.
    """
    from functools import partial

    from varifactory.calibration.kept import keep_sample
    from varifactory.calibration.sampling import draw
    from varifactory.calibration.sheet import PAGE, write_sheet
    from varifactory.datasets import open_dataset
    from varifactory.loading import read_blob

    name, _, version = dataset.partition("@")
    data = open_dataset(store, name, version or None)
    found, rows = data.manifest, data.table().to_pylist()
    drawn = draw(
        rows, dataset=found.name, version=found.version, dataset_hash=found.dataset_hash,
        recipe=found.recipe, n=n, seed=seed,
    )  # fmt: skip
    to = out or Path(f"calibration-{found.name}-{found.version}-{drawn.id}")
    write_sheet(drawn, rows, partial(read_blob, data.store), to)
    kept = keep_sample(data.store, drawn)
    say(f"{len(drawn.drawn)} edits in {len(drawn.kinds)} groups: {to / PAGE}")
    say(f"then: varifactory calibrate read {to}/sheet*.csv --store {store}")
    return {"sample": drawn.name, "edits": len(drawn.drawn), "groups": len(drawn.kinds),
            "folder": str(to), "kept": kept}, 0  # fmt: skip


@answering("calibrate read")
@click.argument("sheets", nargs=-1, required=True, metavar="SHEET...",
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--partial", is_flag=True,
              help="Take sheets on which edits were left without an answer.")  # fmt: skip
@click.option("--confidence", default=0.95, show_default=True, type=click.FloatRange(0.5, 0.999))
def read(
    store: str, say: Say, sheets: tuple[Path, ...], partial: bool, confidence: float
) -> Answer:
    """Read filled sheets, of one person or several, and say how far the judge can be trusted.

    Labels and figures are kept beside the data set version; its card shows them when its flow is
    run again.
    """
    from varifactory.calibration.figures import calibrate as calibrated
    from varifactory.calibration.kept import keep_figures, read_sample
    from varifactory.calibration.labels import checked, read_lines, sample_of
    from varifactory.store import Store

    place = Store(store)
    lines = read_lines(sheets)
    drawn = read_sample(place, *sample_of(lines))
    labels = checked(lines, drawn, partial)
    figures = calibrated(drawn, labels, confidence)
    kept = keep_figures(place, drawn, labels, figures)
    for line in told(figures):
        say(line)
    say(f"kept: {kept}")
    return {**figures.as_json(), "kept": kept}, 0


def told(figures: "CalibrationFigures") -> list[str]:
    """The figures in words."""
    from varifactory.calibration.wording import checked_notes, checked_rows, kappa_words

    rows = checked_rows(figures)
    widest = max(len(name) for name, _ in rows)
    return [
        *checked_notes(figures),
        *(f"{name:<{widest}}  {value}" for name, value in rows),
        *(
            f"{kappa.question} {kappa.method}, {', '.join(kappa.raters)}: {kappa_words(kappa)}"
            for kappa in figures.between_raters
        ),
    ]


@click.group()
def calibrate() -> None:
    """Check what a data set's judge accepts against people."""


for command in (sample, read):
    calibrate.add_command(command)
