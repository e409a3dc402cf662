"""A diagnosis from vectors alone: no pictures, no models, the same numbers whoever counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from varifactory.diagnosis import adherence, ambiguity, concept, repeated, spread
from varifactory.diagnosis.depth import Depth, depth_of, usual
from varifactory.diagnosis.examining import Asked, Examined, asked
from varifactory.diagnosis.figures import Diagnosis, Flag, Group, Scored
from varifactory.diagnosis.likeness import realism_of
from varifactory.diagnosis.nothing import nothing_made
from varifactory.diagnosis.overlap import curve
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.senses import collisions
from varifactory.diagnosis.sides import sides
from varifactory.diagnosis.strays import Strays, confusers, strays
from varifactory.diagnosis.whole import geometry_measures, notes, whole_measures
from varifactory.metrics import Measure
from varifactory.recipe.diagnosis import Diagnosis as Settings


def diagnose(population: Population, settings: Settings, confidence: float = 0.95) -> Diagnosis:
    """Measure every class and attribute, and flag what is wrong.

    Classes by attribute, then, where a class has several, whatever the attribute; a flag of the
    latter is only raised where no attribute has it. Flags are tested apart from the intervals that
    are shown: ``resamples`` and ``confidence`` move none.
    """
    known = _known(population, settings, confidence)
    shared = known.asked
    measures = [_measures(known, place) for place in range(len(known.groups))]
    return Diagnosis(
        title=population.name,
        encoder=population.encoder,
        n=len(population.synthetic),
        n_real=len(population.real),
        groups=tuple(
            _group(one, found) for (one, _), found in zip(known.groups, measures, strict=True)
        ),
        flags=_all_flags(known, measures),
        whole=whole_measures(shared),
        geometry=geometry_measures(shared),
        copies=shared.copies,
        memorised=shared.memorised,
        curve=curve(population, settings, confidence),
        realism=_realism(population),
        senses=collisions(population),
        notes=population.notes + notes([one for one, _ in known.groups], known.depths),
        settings={name: str(value) for name, value in settings.model_dump(mode="json").items()},
    )


def flags(population: Population, settings: Settings) -> tuple[Flag, ...]:
    """The flags of ``diagnose`` alone, without the measures beside them: some tenths of a second
    where these take some seconds."""
    known = _known(population, settings, 0.95)
    return _all_flags(known, [[] for _ in known.groups])


@dataclass(frozen=True, slots=True)
class _Known:
    """What flags rest on."""

    asked: Asked
    groups: Sequence[tuple[Examined, Strays]]
    depths: Mapping[int, Depth | None]
    """By place of the group."""

    def usual(self, place: int) -> Depth | None:
        """What is usual of the other groups."""
        return usual(self.depths, [one.side.attribute for one, _ in self.groups], place)


def _known(population: Population, settings: Settings, confidence: float) -> _Known:
    every = list(sides(population))
    shared = asked(population, settings, confidence, len(every))
    examined = [Examined(shared, side) for side in every]
    depths = {place: depth_of(one) for place, one in enumerate(examined)}
    attributes = [side.attribute for side in every]
    groups = [
        (one, strays(one, usual(depths, attributes, place))) for place, one in enumerate(examined)
    ]
    return _Known(shared, groups, depths)


def _all_flags(known: _Known, measures: Sequence[Sequence[Measure]]) -> tuple[Flag, ...]:
    found: list[Flag] = []
    for place, (one, astray) in enumerate(known.groups):
        others = known.usual(place)
        found += _flags(one, astray, known.depths[place], others, measures[place])
    return _once(found)


def _realism(population: Population) -> tuple[Scored, ...]:
    made = population.synthetic
    scores = zip(made.pixels, made.labels, realism_of(population), strict=True)
    return tuple(
        Scored(pixels, label, float(score)) for pixels, label, score in scores if not isnan(score)
    )


def _measures(known: _Known, place: int) -> list[Measure]:
    one, astray = known.groups[place]
    if not len(one.side.at):
        return []
    return [
        *adherence.measures(one),
        *concept.measures(one, known.depths[place], known.usual(place)),
        *ambiguity.measures(one, astray),
        *spread.measures(one),
        *repeated.measures(one),
    ]


def _group(one: Examined, measures: Sequence[Measure]) -> Group:
    return Group(
        one.label, one.side.attribute, len(one.side.at), len(one.side.real_at),
        {measure.name: measure for measure in measures}, confusers(one), one.unjudged,
        None if one.unjudged else one.seen_from,
    )  # fmt: skip


def _flags(
    one: Examined,
    astray: Strays,
    depth: Depth | None,
    others: Depth | None,
    measures: Sequence[Measure],
) -> list[Flag]:
    """What is wrong with one group: a class that is not there has nothing else wrong with it."""
    if not len(one.side.at):
        return [nothing_made(one)]
    if one.unjudged:
        return []
    by_name = {measure.name: measure for measure in measures}

    def evidence(*names: str) -> tuple[Measure, ...]:
        return tuple(by_name[name] for name in names if name in by_name)

    shown = evidence("precision", "density", "strange", "r2s", "s2r")
    if missing := concept.absent(one, astray, depth, others, shown):
        return [missing]
    blurred = concept.blurred(one, depth, others, shown)
    # Strays of a blurred class that show no other class are its blur, not something else.
    else_shown = not blurred or concept.elsewhere(one, astray)
    other = evidence("r2s", "off_mode", "entropy", "posterior", "precision")
    diverse = evidence("vendi", "pairwise_distance", "recall", "coverage", "precision", "r2s")
    raised = [
        ambiguity.flag(one, astray, other) if else_shown else None,
        adherence.flag(one, astray, other) if else_shown else None,
        adherence.few_wrong(one, other),
        blurred,
        spread.flag(one, diverse),
    ]
    copied = evidence("memorised", "duplicates", "precision", "coverage")
    return [flag for flag in (*raised, repeated.flag(one, copied, raised)) if flag]


def _once(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    """Without a class's flag whatever the attribute where an attribute has the same."""
    told = {(flag.label, flag.issue) for flag in flags if flag.attribute}
    return tuple(flag for flag in flags if flag.attribute or (flag.label, flag.issue) not in told)
