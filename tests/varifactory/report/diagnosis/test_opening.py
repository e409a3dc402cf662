from dataclasses import replace

from tests.drawn_diagnoses import CLASSES, FEW, Drawn, group
from varifactory.report.diagnosis.opening import flagged_labels, headline, inside, opening


def test_the_first_sentence_names_the_classes_their_issues_and_who_was_not_judged() -> None:
    assert headline(Drawn().diagnosis()) == (
        "Of 6 classes 4 have an issue: mug (adherence and concept not represented), crane "
        "(ambiguity), kettle (lack of diversity) and lantern (copies); 1 class could not be judged "
        "(fewer than 20 synthetic or real images)."
    )


def test_one_class_with_an_issue() -> None:
    found = Drawn().diagnosis()
    one = replace(found, flags=found.flags[:1], groups=found.groups[:4])
    assert headline(one) == "Of 4 classes one has an issue: crane (ambiguity)."


def test_no_flag_is_no_praise_of_what_was_not_judged() -> None:
    found = replace(Drawn().diagnosis(), flags=())
    assert headline(found) == (
        "No issue of the 5 classes that could be judged can be seen from these vectors, in which "
        "wrong images are surely seen only from 25.0\xa0% of a class up; 1 class could not be "
        "judged (fewer than 20 synthetic or real images)."
    )
    judged = replace(found, groups=found.groups[:4])
    assert headline(judged).startswith("No issue of the 4 classes can be seen from these vectors")
    one = replace(found, groups=found.groups[:1])
    assert headline(one).startswith("No issue of the one class can be seen from these vectors")


def test_what_was_measured_of_a_class_that_no_flag_can_be_raised_of_does_not_judge_it() -> None:
    found = Drawn().diagnosis()
    few = tuple(replace(one, unjudged=FEW, seen_from=None) for one in found.groups)
    assert headline(replace(found, flags=(), groups=few)) == (
        f"Nothing can be said of 6 classes: {FEW}."
    )
    alike = "real images that are all the same"
    mixed = (few[0], replace(few[1], unjudged=alike), found.groups[2])
    assert f"2 classes could not be judged ({FEW} and {alike})." in headline(
        replace(found, flags=(), groups=mixed)
    )


def test_what_may_pass_unseen_is_told() -> None:
    found = replace(Drawn().diagnosis(), flags=())
    groups = [replace(found.groups[at], seen_from=share) for at, share in enumerate((0.2, 0.5))]
    some = replace(found, groups=tuple(groups))
    assert "only from 50.0\xa0% of a class up" in headline(some)
    assert "only from 20.0\xa0% to 50.0\xa0% of its images up" in opening(some).lead[0]
    none = replace(found, groups=(groups[0], replace(groups[1], seen_from=None)))
    assert "1 class with too few different images to surely see wrong ones" in headline(none)
    assert "In 1 class the images are too few" in opening(none).lead[0]


def test_where_nothing_was_measured_nothing_is_said_and_why() -> None:
    few = tuple(group(label, n=12) for label in CLASSES[:2])
    found = replace(Drawn().diagnosis(), flags=(), groups=few)
    assert headline(found) == f"Nothing can be said of 2 classes: {FEW}."


def test_classes_with_the_same_issues_share_their_brackets() -> None:
    found = Drawn().diagnosis()
    flags = (*found.flags, replace(found.flags[0], label="owl"))
    assert "crane and owl (ambiguity), kettle (lack" in headline(replace(found, flags=flags))


def test_many_flagged_classes_are_counted_and_long_names_are_cut() -> None:
    found = Drawn().diagnosis()
    labels = [f"{at} {'a' * 80}" for at in range(9)]
    flags = tuple(replace(found.flags[0], label=label) for label in labels)
    said = headline(replace(found, flags=flags, groups=tuple(map(group, labels))))
    assert said.startswith("Of 9 classes 9 have an issue: 0 aaa")
    assert said.endswith("aaa… (ambiguity) and 4 more.")
    assert said.count("(ambiguity)") == 1
    assert len(said) < 400


def test_classes_with_most_issues_come_first() -> None:
    assert flagged_labels(Drawn().diagnosis()) == ["mug", "crane", "kettle", "lantern"]


def test_the_lead_tells_what_it_rests_on() -> None:
    found = Drawn().diagnosis()
    lead = opening(found).lead
    assert (
        "312 synthetic images are held against 480 real ones, as vectors of small-clip" in lead[0]
    )
    assert "area under the curve of 0.93; at 0.5 it could not" in lead[0]
    share = inside(found)
    assert share is not None
    assert f"{100 * share:.1f}\xa0% of the synthetic images lie where real ones do" in lead[0]
    assert inside(replace(found, realism=())) is None
    assert "curve" not in opening(replace(found, whole=())).lead[0]
