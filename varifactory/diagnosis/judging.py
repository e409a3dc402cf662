"""Who tells the classes apart: judges trained on real images, and on synthetic ones.

All are logistic regressions on vectors. Real images are dealt into folds, equal ones into one; a
synthetic image is in the fold of the real one it was made from, and no judge meets images of a fold
it learned from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import firsts
from varifactory.keys import seed_from
from varifactory.metrics import FOLDS
from varifactory.metrics.vectors import Numbers, Places, Vectors

Judge = Callable[[Vectors], Numbers]

AT_MOST = 300
"""Images a class that a judge learns from; more move its answers little and its time much."""
STRENGTH = 10.0
"""Inverse of the regularisation, of vectors whose squared lengths are 1 on average about their
mean, whatever the encoder's width. Held-out digits were told best from 4 to 40."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Class numbers that images are given; -1 where there is nothing to learn from."""

    synthetic: Places
    """A synthetic image each, by judges trained on real images, none of which is its source."""
    sure: Numbers
    """The probability of that class."""
    real: Places
    """A real image each, by a judge trained on the real images of other folds."""
    transferred: Places
    """A real image each, by a classifier trained on synthetic images, none made from its fold."""
    matched: Places
    """A real image each, by one trained on as many real images a class, of other folds."""


def judged(population: Population, seed: int) -> Judged:
    """Ask all judges about all images.

    Where a class has fewer real images in the other folds than synthetic ones, the synthetic ones
    are drawn down to these, so that ``transferred`` and ``matched`` learned from equal numbers.
    """
    dice = np.random.default_rng(seed_from("judged", seed))
    classes = len(population.class_names)
    number = {name: place for place, name in enumerate(population.class_names)}
    real = np.array([number[label] for label in population.real.labels])
    made = np.array([number[label] for label in population.synthetic.labels])
    vectors, others = population.real.vectors, population.synthetic.vectors
    fold = _folds(real, dice)[firsts(vectors)]
    made_fold = np.where(population.own >= 0, fold[population.own], -1)
    chances = np.zeros((len(made), classes))
    answers = np.full((3, len(real)), -1, np.int64)
    for one in range(FOLDS):
        known, held = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        judge = _learned(vectors, real, _capped(known, real, None, dice), classes)
        # An image of no known source is judged by all folds' judges, an edit by its own fold's.
        asked = np.flatnonzero((made_fold == one) | (made_fold < 0))
        chances[asked] += judge(others[asked]) / np.where(made_fold[asked] < 0, FOLDS, 1)[:, None]
        answers[0, held] = _answers(judge(vectors[held]))
        usable = np.flatnonzero(made_fold != one)
        counts = np.minimum(
            np.bincount(real[known], minlength=classes),
            np.bincount(made[usable], minlength=classes),
        )
        for row, (table, labels, at) in enumerate(((others, made, usable), (vectors, real, known))):
            learned = _learned(table, labels, _capped(at, labels, counts, dice), classes)
            answers[row + 1, held] = _answers(learned(vectors[held]))
    return Judged(_answers(chances), chances.max(axis=1), answers[0], answers[1], answers[2])


def _folds(labels: Places, dice: np.random.Generator) -> Places:
    """A fold each, every class dealt out evenly."""
    fold = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        at = dice.permutation(np.flatnonzero(labels == label))
        fold[at] = (np.arange(len(at)) + dice.integers(FOLDS)) % FOLDS
    return fold


def _capped(at: Places, labels: Places, counts: Places | None, dice: np.random.Generator) -> Places:
    """At most ``AT_MOST`` of each class, or as many as counted."""
    kept = [
        dice.permutation(at[labels[at] == label])[
            : AT_MOST if counts is None else min(AT_MOST, int(counts[label]))
        ]
        for label in np.unique(labels[at])
    ]
    return np.sort(np.concatenate(kept)) if kept else at


def _learned(table: Vectors, labels: Places, at: Places, classes: int) -> Judge:
    """A judge of (n, classes) probabilities; all zero where it has no two classes to learn."""
    if len(np.unique(labels[at])) < 2:
        return lambda some: np.zeros((len(some), classes))
    from sklearn.linear_model import LogisticRegression

    wide = table[at].astype(np.float64)
    middle = wide.mean(axis=0)
    size = float(np.sqrt(np.square(wide - middle).sum(axis=1).mean())) or 1.0
    model = LogisticRegression(C=STRENGTH, max_iter=10_000, tol=1e-3)
    model.fit((wide - middle) / size, labels[at])

    def ask(some: Vectors) -> Numbers:
        chances = np.zeros((len(some), classes))
        if len(some):
            chances[:, model.classes_] = model.predict_proba((some - middle) / size)
        return chances

    return ask


def _answers(chances: Numbers) -> Places:
    """The likeliest class; -1 where nothing was learned."""
    return np.where(chances.sum(axis=1) > 0, chances.argmax(axis=1), -1).astype(np.int64)
