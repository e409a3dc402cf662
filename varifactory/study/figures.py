"""What a study says, as plain frozen data: the report shows it, JSON and Parquet hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from varifactory.statistics import Effect, Interval, McNemar, Verdict
from varifactory.training.grid import Stratum


@dataclass(frozen=True, slots=True)
class Plan:
    """What was settled before the first cell was trained; shares, not points."""

    margin: float
    resolve: float
    power: float
    confidence: float
    registered_at: str = ""
    """ISO 8601; empty of a study that was not registered."""
    trained_before: int = 0
    """Cells that had been trained before that; the report says so."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One training mixture on the test images, over all its seeds."""

    stratum: Stratum
    arm: str
    generation_seeds: tuple[int, ...]
    """Empty of an arm without edits."""
    seeds: tuple[int, ...]
    top1: Interval
    macro_top1: float
    """Mean of the classes' accuracies."""
    worst_top1: float
    """Mean accuracy of the worst tenth of the classes, at least one."""
    worst_classes: tuple[str, ...]
    calibration_error: float | None
    """Expected calibration error, 15 bins of equal width, mean over cells; None without logits."""
    by_class: Mapping[str, tuple[int, int]]
    """Class name -> right answers and answers, over all seeds."""
    train_real: int | None = None
    train_edits: int | None = None
    steps: int | None = None
    chosen_steps: tuple[int, ...] = ()
    validation_top1: float | None = None
    curves: tuple[tuple[tuple[float, float], ...], ...] = ()
    """A seed each: (step, validation accuracy)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm minus another on the same seeds and test images."""

    stratum: Stratum
    arm: str
    other: str
    question: str
    """``helps`` (arm with edits minus real), ``matters`` (feasible minus infeasible), ``control``
    (real-standard, copy-real, unchanged, unfiltered, zero-shot), ``schedule`` (bridged minus
    mixed), ``augmentation``, ``trainee``: a factor varies instead of the arm."""
    effect: Effect
    interval: Interval
    """Of the plan's confidence, for this comparison alone."""
    p_value: float
    p_holm: float
    """Adjusted by Holm over its ``family``; 1 of those of none."""
    verdict: Verdict
    winner: str
    """``above``, ``below`` or ``no winner``."""
    mcnemar: tuple[McNemar, ...]
    """One a pair of cells, in the order of generation and training seeds."""
    bootstrap: Interval | None
    detectable: float
    """Smallest difference that this design tells from none with the plan's power, corrected for its
    family at Holm's worst step. One that lies inside the margin comes out equivalent."""
    seeds_needed: int | None
    """Training seeds that resolve the plan's ``resolve``, corrected likewise; None where no number
    does and, with ``spread_known`` false, where none can be told."""
    images_needed: int | None
    """Test images that would, with the seeds there are; None where seeds suffice."""
    primary: bool = False
    """Whether the verdict's sentence rests on it."""
    values: tuple[str, str] = ("", "")
    """Of ``schedule``, ``augmentation`` and ``trainee``: the factor's two values, first minus
    second; the stratum then leaves that factor empty, and ``arm`` is ``other``."""
    inferential: bool = True
    """Whether it is of a family that Holm's correction covers. One that is not describes: it names
    no winner, and its verdict is none to show."""
    family: str = "other"
    """``primary``: the planned primary comparisons of the study, those that are missing counted,
    too; ``other``: all other inferential ones; empty: not inferential."""
    family_size: int = 1
    """Comparisons that Holm corrects for."""
    spread_known: bool = True
    """False with one training seed, which says nothing of the spread between training seeds:
    intervals and ``detectable`` are then of that training alone."""
    generations_needed: int | None = None
    """Generation seeds that resolve ``resolve`` with the training seeds and images there are; None
    where training seeds suffice, with one generation seed, whose spread is not known, and where no
    number does."""
    equal_steps: bool | None = None
    """Whether both sides trained equally many steps on every pair of seeds; None where one of them
    tells none."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Generation and training seed of each pair of cells, as ``mcnemar`` has them; 0 for what
    neither arm depends on."""


@dataclass(frozen=True, slots=True)
class ClassChange:
    """What an arm changes in one class, against the other arm of its comparison."""

    stratum: Stratum
    arm: str
    other: str
    class_name: str
    images: int
    interval: Interval
    p_value: float
    p_false_discovery: float
    """Benjamini and Hochberg's, over the classes of one comparison."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Accuracy of an arm over the number of edits a real image."""

    stratum: Stratum
    """With ``per_source`` 0."""
    arm: str
    points: tuple[tuple[int, Interval], ...]
    """(edits trained on, top-1)."""
    exponent: Interval | None
    """k of error = a n^-k; None with fewer than three sizes or an error of zero."""
    classes: Mapping[str, str]
    """Class name -> easy, scaling or poor."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One combination of a sweep, best first: where the next edits should come from."""

    stratum: Stratum
    """Its ``sweep`` is the combination; ``per_source`` 0."""
    arm: str
    edits: int
    """Trained on at the largest size that all combinations it is ranked with have; without one, at
    its own largest."""
    top1: Interval
    """At that size."""
    exponent: Interval | None
    """As of ``Scaling``; None where the sizes are too few to fit."""
    validation_top1: float | None = None
    """At that size, mean over its cells: what combinations are ranked by. ``top1`` is of the test
    images and ranks nothing. None where a cell was not validated: then the order is the recipe's.
    """
    same_edits: bool = True
    """Whether all combinations it is ranked with trained on equally many edits at that size."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the edits of one arm are: whether arms differ in what they should, and in nothing else.

    Means are over the edits that the arm trains on; None where nothing of the kind is known.
    """

    stratum: Stratum
    arm: str
    edits: int
    feasible: Interval | None
    """Share judged feasible, of those judged."""
    present: Interval | None
    """Share of which the judge saw the value asked for."""
    presence: float | None
    """Mean score of that value, 0 to 1."""
    class_kept: Interval | None
    """Share whose likeliest class is the label."""
    region_share: float | None
    """Share of the image that may change."""
    pixel_change: float | None
    """Mean absolute change inside the region, 0 to 255."""
    embedding_distance: float | None
    """1 minus the cosine of an edit and its source."""
    diversity: float | None
    """Mean pairwise cosine distance within a class, averaged over classes."""
    forced: float
    """Share taken although refused."""
    rejected: float | None
    """Share of the edits asked for, of this arm's feasibilities, that were refused."""
    prompts: float | None = None
    """Different prompts of a class, mean over classes."""
    effective: float | None = None
    """How many wholly different edits those of a class are worth (Vendi score), mean over classes;
    of 200 edits a class at most."""


@dataclass(frozen=True, slots=True)
class Confound:
    """Something besides feasibility in which two arms differ by more than chance."""

    stratum: Stratum
    arm: str
    other: str
    measure: str
    """Name of a field of ``Check``."""
    value: float
    other_value: float
    p_value: float
    """Adjusted over all measures by Holm."""
    standardised: float
    """Difference in standard deviations."""
    text: str
    notable: bool = True
    """False below 0.1 standard deviations: surely there, and too small to move an arm by much."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A primary comparison that the recipe planned and whose cells do not give it."""

    question: str
    """``helps`` or ``matters``."""
    stratum: Stratum
    arm: str
    other: str
    why: str
    """A clause without a full stop, such as ``real+mixed, seed 0: failed: ...``."""


@dataclass(frozen=True, slots=True)
class Study:
    """All that is said of training; what is said of each data set stands beside it."""

    plan: Plan
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    classes: tuple[ClassChange, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    ranking: tuple[Ranked, ...] = ()
    """Combinations of a sweep within their stratum and arm, by accuracy on validation images; empty
    without a sweep."""
    checks: tuple[Check, ...] = ()
    confounds: tuple[Confound, ...] = ()
    cells: int = 0
    test_images: Mapping[str, int] = field(default_factory=dict)
    """Data set -> test images."""
    notes: tuple[str, ...] = ()
    """What a reader must know of cells that are missing or were left out."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of cells that are counted."""
    missing: tuple[Missing, ...] = ()
    """Nothing else takes their place as primary."""
    alarms: tuple[str, ...] = ()
    """Sentences that a reader must know before believing the verdict: feasible and infeasible edits
    that are not told apart by the judge, images that a program drew."""
    tested: tuple[str, ...] = ()
    """Measures by which at least one pair of arms could be tested for confounds; empty: nothing was
    tested, and no confound found says nothing."""
