import pytest

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import Substitution
from varifactory.exchange.simulation import Truth, exact, noisy, same

TRUTH = Truth(
    pools={"edits": lambda added, base: 0.6 * added, "identity": same}, substituted=(0.5, 1.0)
)


def line(found: tuple[Substitution, ...], pool: str, base: int, share: float) -> Substitution:
    return next(one for one in found if (one.pool, one.base, one.share) == (pool, base, share))


def test_what_replaces_real_images_is_worth_what_it_was_made() -> None:
    found = count_exchange(exact(TRUTH, 200_000), title="", resamples=20).substitutions
    for pool, worth in (("edits", 0.6), ("identity", 1.0)):
        for share in (0.5, 1.0):
            one = line(found, pool, 120, share)
            assert one.worth
            assert one.worth.estimate == pytest.approx(worth, rel=0.05)
            lost = TRUTH.top1(120) - TRUTH.top1(120 * (1 - share + worth * share))
            assert one.effect.estimate == pytest.approx(-lost, abs=1e-4)


def test_below_the_curve_of_real_images_no_worth_is_told() -> None:
    found = count_exchange(exact(TRUTH, 200_000), title="", resamples=20).substitutions
    assert line(found, "edits", 30, 1.0).worth is None
    assert line(found, "edits", 30, 1.0).effect.estimate < 0


def test_the_effect_is_paired_over_seeds_and_images() -> None:
    one = line(count_exchange(noisy(TRUTH, 0), title="").substitutions, "edits", 120, 1.0)
    assert (one.effect.seeds, one.effect.images) == (5, 600)
    assert one.effect.interval().high < 0
    assert one.worth
    assert one.worth.low < 0.6 < one.worth.high
