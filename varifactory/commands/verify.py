"""``varifactory verify``: a store read again."""

import click

from varifactory.answering import Answer, Say, answering, told


@answering("verify")
@click.option("--sample", type=click.FloatRange(0, 1), metavar="SHARE",
              help="Hash only this share of the blobs; the others must only be there.")  # fmt: skip
@click.option("--heal/--no-heal", default=True, show_default=True,
              help="Hide rows whose blobs are lost or damaged, so that the next run makes them "
              "again.")  # fmt: skip
def verify(store: str, say: Say, sample: float | None, heal: bool) -> Answer:
    """Read a store again and tell what is not as it was written.

    Exits with 1 if anything was found.
    """
    from varifactory.store import Store

    report = Store(store).verify(sample=sample, heal=heal)
    say(f"checked: {told(report.checked)}")
    for finding in report.findings:
        ending = " (healed: the next run makes it again)" if finding.healed else ""
        say(f"{finding.kind}: {finding.where}: {finding.detail}{ending}")
    say("all is as it was written" if report.whole else f"found: {told(report.counts)}")
    answer = {**report.model_dump(mode="json"), "whole": report.whole, "counts": report.counts}
    return answer, 0 if report.whole else 1
