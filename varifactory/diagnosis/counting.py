"""A diagnosis from vectors alone: no pictures, no models, the same numbers whoever counts."""

from collections.abc import Sequence

from varifactory.diagnosis import adherence, ambiguity, concept, repeated, spread
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.figures import Diagnosis, Flag, Group
from varifactory.diagnosis.nothing import nothing_made
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
    are shown: ``resamples`` moves none.
    """
    groups = list(sides(population))
    shared = asked(population, settings, confidence, len(groups))
    examined = [Examined(shared, side) for side in groups]
    stray = [strays(one) for one in examined]
    depths = {place: concept.depth(one) for place, one in enumerate(examined)}
    found: list[Group] = []
    flags: list[Flag] = []
    for place, (one, astray) in enumerate(zip(examined, stray, strict=True)):
        measures = _measures(one, astray) if len(one.side.at) else []
        others = concept.usual(depths, place)
        found.append(_group(one, measures))
        flags += _flags(one, astray, depths[place], others, tuple(measures))
    return Diagnosis(
        title=population.name,
        encoder=population.encoder,
        n=len(population.synthetic),
        n_real=len(population.real),
        groups=tuple(found),
        flags=_once(flags),
        whole=whole_measures(shared),
        geometry=geometry_measures(shared),
        copies=shared.copies,
        memorised=shared.memorised,
        senses=collisions(population),
        notes=notes(settings, examined, depths),
        settings={name: _told(value) for name, value in settings.model_dump(mode="json").items()},
    )


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _measures(one: Examined, astray: Strays) -> list[Measure]:
    return [
        *adherence.measures(one),
        *concept.measures(one),
        *ambiguity.measures(one, astray),
        *spread.measures(one),
        *repeated.measures(one),
    ]


def _group(one: Examined, measures: Sequence[Measure]) -> Group:
    return Group(
        one.label, one.side.attribute, len(one.side.at), len(one.side.real_at),
        {measure.name: measure for measure in measures}, confusers(one),
    )  # fmt: skip


def _flags(
    one: Examined,
    astray: Strays,
    depth: concept.Depth | None,
    others: concept.Depth | None,
    measures: Sequence[Measure],
) -> list[Flag]:
    """What is wrong with one group: a class that is not there has nothing else wrong with it."""
    if not len(one.side.at):
        return [nothing_made(one)]
    if len(one.side.at) < one.asked.settings.least:
        return []
    by_name = {measure.name: measure for measure in measures}

    def evidence(*names: str) -> tuple[Measure, ...]:
        return tuple(by_name[name] for name in names if name in by_name)

    shown = evidence("precision", "density", "r2s", "s2r")
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
        blurred,
        spread.flag(one, diverse),
        repeated.flag(one, evidence("memorised", "precision", "coverage")),
    ]
    return [flag for flag in raised if flag]


def _once(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    """Without a class's flag whatever the attribute where an attribute has the same."""
    told = {(flag.label, flag.issue) for flag in flags if flag.attribute}
    return tuple(flag for flag in flags if flag.attribute or (flag.label, flag.issue) not in told)
