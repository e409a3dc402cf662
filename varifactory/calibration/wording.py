"""Figures of agreement in words, for the command, the card and the report."""

from varifactory.calibration.figures import CalibrationFigures, Measure
from varifactory.kappa import Kappa
from varifactory.statistics import Interval


def meaning(figures: CalibrationFigures) -> str:
    """What a good edit is, which depends on what the filter minds."""
    also = ", and it is as possible as was asked for" if figures.feasibility_counts else ""
    return f"good: it shows what was asked for and keeps its class{also}"


def percent_of(measure: Measure) -> str:
    """``93.1 % (88.0 to 96.2)``, or why there is none."""
    found = measure.interval
    if found is None:
        return f"undefined: {measure.undefined}"
    return f"{100 * found.estimate:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def number_of(measure: Measure) -> str:
    """As ``percent_of``, of what is no share."""
    found = measure.interval
    return f"{_plain(found)}" if found else f"undefined: {measure.undefined}"


def _plain(found: Interval) -> str:
    return f"{found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"


def kappa_words(kappa: Kappa) -> str:
    """``0.61 (0.44 to 0.75), n 120``, or why there is none."""
    if kappa.value is None:
        return f"undefined, n {kappa.items:,}: {kappa.undefined}"
    bounds = "no interval"
    if kappa.low is not None and kappa.high is not None:
        bounds = f"{kappa.low:.2f} to {kappa.high:.2f}"
    return f"{kappa.value:.2f} ({bounds}), n {kappa.items:,}"
