"""Figures of agreement in words, for the command, the card and the report."""

from varifactory.calibration.figures import CalibrationFigures, Measure
from varifactory.statistics.kappa import Kappa


def meaning(figures: CalibrationFigures) -> str:
    """What a good edit is, which depends on what the filter minds."""
    also = ", and it is as possible as was asked for" if figures.feasibility_counts else ""
    return f"good if it shows what was asked for and keeps its class{also}"


def checked_rows(figures: CalibrationFigures) -> list[tuple[str, str]]:
    """Name and value of every figure, the intervals in brackets."""
    rows = [
        ("Accepted by the filter", f"{100 * figures.accepted:.1f} % of {figures.edits:,} judged"),
        ("Precision: good, of those accepted", percent_of(figures.precision)),
        ("Recall: accepted, of those that are good", percent_of(figures.recall)),
        ("Cohen's kappa of filter and people", number_of(figures.kappa)),
        ("Corrected yield: good, of all judged", percent_of(figures.good)),
        ("Accepted and good, of all asked for", percent_of(figures.good_and_accepted)),
    ]
    rows += [
        (f"Called possible, of accepted {one.feasibility} ones", percent_of(Measure(one.possible)))
        for one in figures.possible
    ]
    return rows


def checked_notes(figures: CalibrationFigures) -> list[str]:
    """What was labelled by whom, what good means, and what was left out; a sentence each."""
    raters = len(figures.raters)
    people = "one person" if raters == 1 else f"{raters} people"
    notes = [
        f"{figures.labelled:,} of {figures.drawn:,} drawn edits were labelled by {people}; they "
        f"stand for {figures.edits:,} by the chances with which they were drawn.",
        f"An edit is {meaning(figures)}.",
        "Intervals are of the draw of the sample, not of errors of those who labelled it.",
    ]
    if figures.unclear or figures.unanswered:
        notes.append(f"Left out: {figures.unclear:,} on which everybody was unsure, "
                     f"{figures.unanswered:,} without an answer.")  # fmt: skip
    if figures.borrowed:
        notes.append("Without a clear label, and taken to be as the others that the filter treated "
                     f"alike: {'; '.join(figures.borrowed)}.")  # fmt: skip
    return notes


def percent_of(measure: Measure) -> str:
    """``93.1 % (88.0 to 96.2)``, or why there is none."""
    found = measure.interval
    if found is None:
        return f"undefined: {measure.undefined}"
    return f"{100 * found.estimate:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def number_of(measure: Measure) -> str:
    """As ``percent_of``, of what is no share."""
    found = measure.interval
    if found is None:
        return f"undefined: {measure.undefined}"
    return f"{two(found.estimate)} ({two(found.low)} to {two(found.high)})"


def two(number: float) -> str:
    """Two decimals; nothing is minus zero."""
    return f"{round(number, 2) + 0.0:.2f}"


def kappa_words(kappa: Kappa) -> str:
    """``0.61 (0.44 to 0.75), n 120``, or why there is none."""
    if kappa.value is None:
        return f"undefined, n {kappa.items:,}: {kappa.undefined}"
    bounds = "no interval"
    if kappa.low is not None and kappa.high is not None:
        bounds = f"{two(kappa.low)} to {two(kappa.high)}"
    return f"{two(kappa.value)} ({bounds}), n {kappa.items:,}"
