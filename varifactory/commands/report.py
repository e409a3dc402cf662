"""``varifactory report``: a study's report, counted anew from stored predictions."""

import click

from varifactory.answering import Answer, Say, answering, asked


@answering("report")
@click.argument("study", nargs=-1, required=True, metavar="[STORE] STUDY[@VERSION]")
@click.option("--to", "folder", default="", metavar="FOLDER",
              help="Write the report there instead of beside the study in its store.")  # fmt: skip
def report(store: str, say: Say, study: tuple[str, ...], folder: str) -> Answer:
    """Count a study anew from its stored predictions and write its report.

    Nothing is trained and no model is loaded. VERSION is the latest if it is left out; STORE may
    also be given as --store.
    """
    from varifactory.report.recounting import publish_report, recounted, write_report
    from varifactory.store import Store

    url, name, version = asked(store, study, "study")
    place = Store(url)
    found = recounted(place, place.study(name, version))
    told = found.told()
    where = write_report(place, found, folder) if folder else publish_report(place, found)
    for line in (told["verdict"], *told["lead"], *told["alarms"], *told["notes"]):
        say(line)
    say(f"report: {where}")
    return {**told, "report": where}, 0
