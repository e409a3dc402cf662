"""Exchange rates as plain figures, made up: what a page is given to show, without a store."""

from collections.abc import Sequence
from math import exp, inf, log

from varifactory.exchange.figures import (
    Control,
    Curve,
    ExchangeRate,
    Fit,
    Parameter,
    Rate,
    Reached,
    Substitution,
)
from varifactory.exchange.surface import REAL
from varifactory.statistics import IMAGES_AND_SEEDS, Effect, Interval

BASES = (24, 48, 96)
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)
KNOWN = {"edits": (0.7, 2.6), "closed-set": (12.0, 0.2), "identity": (1.04, 40.0),
         "duplicate": (60.0, 0.1), "foreign": (1.7, 0.9)}  # fmt: skip
"""Pool -> rate at zero and ceiling, as the curves are drawn."""


def interval(middle: float, half: float) -> Interval:
    return Interval(middle, middle - half, middle + half, 0.95, IMAGES_AND_SEEDS)


def top1(base: int, real: float) -> float:
    """Accuracy with so many real images more, as a multiple of the base."""
    return 1 - 2.1 * (base * (1 + real)) ** -0.42 - 0.02


def worth(pool: str, multiple: float) -> float:
    """Real images, as a multiple of the base, that so many of a pool replace."""
    if pool == REAL:
        return multiple
    rate, ceiling = KNOWN[pool]
    return ceiling * (1 - exp(-multiple / rate / ceiling))


def curve(pool: str, base: int, fitted: bool = True) -> Curve:
    """One curve, its measured points a little beside the fitted ones."""
    multiples = MULTIPLES[:4] if pool == REAL else MULTIPLES
    points = tuple(
        (at, interval(top1(base, worth(pool, at)) + 0.004 * (-1) ** place, 0.021))
        for place, at in enumerate(multiples)
    )
    steps = [multiples[-1] * one / 24 for one in range(25)]
    drawn = tuple((at, top1(base, worth(pool, at))) for at in steps) if fitted else ()
    return Curve(pool, base, points, drawn)


def rate(pool: str, base: int, gain: float) -> Rate:
    """Read off the known curve; what lies beyond the largest multiple is not reached."""
    rated, ceiling = KNOWN[pool]
    needed = -rated * ceiling * log(1 - gain / ceiling) if gain < ceiling else inf
    most = MULTIPLES[-1]
    state: Reached = "reached" if needed <= most else "beyond" if needed <= 2 * most else \
        "not reached"  # fmt: skip
    each = needed / gain
    found = Interval(each, each * 0.66, each * 1.5, 0.95, IMAGES_AND_SEEDS)
    points = interval(top1(base, gain) - top1(base, 0), 0.012)
    lost = {"reached": 0.0, "beyond": 0.02, "not reached": 1.0}[state]
    return Rate(pool, base, gain, points, found if state != "not reached" else None, state, most,
                lost)  # fmt: skip


def fits(pool: str, bases: Sequence[int]) -> tuple[Fit, ...]:
    """Three forms: the first one with its ceiling, the second refused on one base."""
    rated, ceiling = KNOWN[pool]
    bound = pool != "edits"
    first = Fit(pool, "effective data", (
        Parameter("rate of the first image", rated, rated * 0.7, rated * 1.5, identified=True),
        Parameter("kappa", ceiling, ceiling * 0.6, ceiling * 2.1, identified=not bound,
                  why="at its bound" if bound else ""),
    ), -41.2, 2.3e-4)  # fmt: skip
    second = Fit(pool, "paper", (
        Parameter("g", 0.002, -0.001, 0.004, identified=True),
        Parameter("c2", 2.4, 1.8, 3.3, identified=True),
    ), -38.0, 3.1e-4) if len(bases) > 1 else Fit(
        pool, "paper", (
            Parameter("C", 1.1, 0.8, 1.6, identified=True),
            Parameter("c2", 2.4, 1.8, 3.3, identified=True),
        ), -38.0, 3.1e-4, refused="one base size: g needs two",
    )  # fmt: skip
    return first, second, Fit(pool, "constant", (
        Parameter("rate", rated * 1.2, rated * 0.9, rated * 1.6, identified=True),
    ), -30.4, 5.0e-4)  # fmt: skip


def substitution(pool: str, base: int, share: float) -> Substitution:
    """Images of a pool in the place of real ones: they hurt, the more the more there are."""
    effect = Effect(-0.06 * share, 0.012, 4.0, IMAGES_AND_SEEDS, 1, 5, 600)
    valued = interval(0.55, 0.2) if share < 1 else None
    return Substitution(pool, base, share, effect, valued)


def exchange(
    *,
    title: str = "toys, version 1",
    generators: Sequence[str] = ("edits", "closed-set"),
    bases: Sequence[int] = BASES,
    passed: bool = True,
    notes: Sequence[str] = (),
) -> ExchangeRate:
    """What an exchange rate of five seeds says of these generators."""
    controls = ("identity", "duplicate")
    pools = (*generators, *controls)
    rates = tuple(rate(pool, base, gain) for pool in (*generators, "identity") for base in bases
                  for gain in (0.5, 1.0, 2.0))  # fmt: skip
    limits = tuple(
        Parameter(pool, KNOWN[pool][1], KNOWN[pool][1] * 0.6, KNOWN[pool][1] * 2.1,
                  identified=pool == "edits", why="" if pool == "edits" else "at its bound")
        for pool in generators
    )  # fmt: skip
    told = (
        Control("identity", passed, "Its rate of 1.04 (0.69 to 1.56) contains 1."
                if passed else "Its rate of 1.62 (1.31 to 2.04) does not contain 1."),
        Control("duplicate", True, "The base once more gains +0.1 points (−0.4 to +0.6)."),
    )  # fmt: skip
    return ExchangeRate(
        title, tuple(
            f"To gain what +100 % real images would (+6.7 points), 0.93 {pool} a real image "
            "(95 % 0.62 to 1.40); ceiling 2.6 times the base." if pool == "edits" else
            f"{pool}: what +100 % real images gain (+6.7 points) is not reached with 4 times the "
            "base." for pool in generators
        ), (1, 2, 3, 4, 5), 600, tuple(bases), "linear-probe, 200 steps",
        tuple(curve(pool, base) for base in bases for pool in (REAL, *pools)), rates,
        tuple(one for pool in generators for one in fits(pool, bases)), limits,
        tuple(substitution(pool, base, share) for pool in generators for base in bases
              for share in (0.5, 1.0)),
        told, {pool: 9 if pool == "edits" else None for pool in generators}, 0.95, tuple(notes),
    )  # fmt: skip
