import re
from dataclasses import replace
from html import unescape

import pytest

from tests.drawn_diagnoses import Drawn, group, measure
from varifactory.diagnosis.figures import Diagnosis, Flag, Kept, Seen
from varifactory.diagnosis.thresholds import reasons
from varifactory.report import MACHINERY
from varifactory.report.diagnosis.page import SHOWN_CARDS, render_diagnosis
from varifactory.report.diagnosis.strips import BUDGET, SHOWN

HOSTILE = '</table><script>alert(1)</script>$x^2$ & "q"'


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture(scope="module")
def found(drawn: Drawn) -> Diagnosis:
    return drawn.diagnosis()


def render(drawn: Drawn, found: Diagnosis, **changes: object) -> str:
    given = {"dataset": "toys@3", "blobs": drawn.named, "read": drawn.read,
             "provenance": {"Data set": [("hash", "a81b" * 16)]},
             "gallery": "../../gallery/index.html"}  # fmt: skip
    return render_diagnosis(found, **{**given, **changes}).decode()


@pytest.fixture(scope="module")
def page(drawn: Drawn, found: Diagnosis) -> str:
    return render(drawn, found)


def words(text: str) -> str:
    plain = re.sub(r"<(style|title).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return " ".join(unescape(plain).split())


def test_the_first_words_are_which_classes_have_an_issue(page: str) -> None:
    head = words(page.partition("<h1>")[2].partition("<nav")[0])
    assert head.startswith("toys@3 Of 6 classes 4 have an issue: mug (adherence and concept")
    assert "owl has 12 synthetic images, fewer than 20" in head


def test_every_section_is_there_and_leads_to_its_data(page: str) -> None:
    for heading in ("Flags", "The flagged classes", "All classes", "The whole set", "Copies",
                    "Geometry of the vectors", "Realism of each image", "What pruning would do",
                    "Farthest from all real images", "Names that could be misread",
                    "What could not be said", "Provenance", "Everything to take away"):  # fmt: skip
        assert heading in words(page), heading
    for name in ("flags", "measures", "whole", "copies", "realism", "curve", "senses"):
        assert f'aria-label="{name} as csv"' in page
    assert "a81b" * 16 in page
    assert 'href="../../gallery/index.html"' in page
    assert "Thresholds of the flags" in page
    assert all(why in words(page) for _, why in reasons().values())
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert set(anchors) <= set(re.findall(r'id="([^"]+)"', page))


def test_a_flag_is_told_with_its_figures_its_images_and_what_to_change(page: str) -> None:
    card = page.partition('id="class-2"')[2].partition("</article>")[0]
    said = words(card)
    assert "crane Its images are taken for: owl (41.0 %)." in said
    assert "nearest to the sense “lifting machine”." in said
    assert "What to change. Name the sense in the prompt" in said
    assert "Off-mode mass 41.7 % 33.7 to 49.7 0.0 % 60" in said
    assert card.count("<img") == SHOWN
    assert "2 more are named in the data." in said
    assert "nearest: lifting machine, 0.90" in said


def test_pictures_are_inside_the_page_and_small(page: str) -> None:
    assert page.count("data:image/webp") > 30
    assert 'src="http' not in page
    assert len(page) < 1_000_000


def test_the_badge_and_the_caution_stand_where_they_belong(drawn, found, page) -> None:
    assert MACHINERY not in page
    assert "small model" not in words(page)
    said = words(render(drawn, found, machinery=True, small_model=True))
    assert MACHINERY in said
    assert "The vectors come from a small model that comes with varifactory" in said


def test_pruning_is_advised_as_far_as_it_surely_gains(page: str, drawn, found) -> None:
    assert "varifactory prune toys@3 --keep 0.7 --as NAME" in page, "0.5 may be no better"
    assert "It is highest with 50.0 % kept; the largest share whose interval" in words(page)
    assert "varifactory prune toys@3 --realism 1 --as NAME" in page
    assert "varifactory prune" not in render(drawn, found, dataset="")
    for level, reference in ((0.6, 0.93), (None, 0.52)):  # nothing gains; the whole is as real ones
        still = replace(found, curve=tuple(
            replace(one, overlap=replace(one.overlap, reference=reference) if level is None
                    else measure("overlap", level, reference=reference)) for one in found.curve
        ))  # fmt: skip
        text = render(drawn, still)
        assert "--keep" not in text
        assert "None is advised: all may overlap as real images do" in words(text)


def test_diversity_is_never_shown_alone(drawn, found) -> None:
    bare = group("mug")
    alone = replace(bare, measures={"vendi": bare.measures["vendi"]})
    flagless = replace(found, groups=(alone,), flags=(), whole=(), geometry=())
    table = render(drawn, flagless).partition('id="classes-head"')[2].partition("</section>")[0]
    assert "Vendi score" in words(table)
    assert "14.0" not in words(table)
    both = replace(bare, measures={name: bare.measures[name] for name in ("vendi", "precision")})
    assert "14.0" in words(render(drawn, replace(flagless, groups=(both,))))


def test_a_set_without_flags_is_not_called_good(drawn, found) -> None:
    said = words(render(drawn, replace(found, flags=())))
    assert "No flag was raised. That is no proof that there is no issue." in said
    assert "The flagged classes" not in said
    few = replace(found, flags=(), groups=(group("owl", n=3),))
    assert "No flag was raised, for nothing could be measured" in words(render(drawn, few))


def test_the_smallest_diagnosis_has_a_page() -> None:
    bare = Diagnosis("mine.parquet", "my encoder", 40, 60, (group("owl"),), (), (), ())
    said = words(render_diagnosis(bare).decode())
    assert "No issue of the one class can be seen" in said
    assert "The whole set" not in said
    assert "What pruning would do" not in said


def test_a_set_with_no_point_of_the_curve_measured_has_a_page(drawn, found) -> None:
    unsaid = tuple(Kept(one.fraction, one.n, measure("overlap", None, why="n too small: 4"))
                   for one in found.curve)  # fmt: skip
    said = words(render(drawn, replace(found, curve=unsaid, realism=())))
    assert "What pruning would do" in said
    assert "n too small: 4" in said
    assert "Overlap with the target by share" not in said
    assert "Realism of each image" not in said


def test_commands_name_the_store(drawn, found) -> None:
    page = unescape(render(drawn, found, store="/my stores/a"))
    assert "varifactory prune '/my stores/a' toys@3 --realism 1 --as NAME" in page


def test_commands_name_the_diagnosis_that_the_page_is_of(drawn, found) -> None:
    page = unescape(render(drawn, found, plan="3f9c1a7b2d4e"))
    assert "varifactory prune toys@3 --plan 3f9c1a7b2d4e --keep 0.7 --as NAME" in page
    assert "varifactory prune toys@3 --plan 3f9c1a7b2d4e --realism 1 --as NAME" in page


def test_a_user_s_own_images_are_named_where_they_cannot_be_shown(found) -> None:
    flag = replace(found.flags[0], images=(Seen("shots/crane 7.png", "", "taken for owl"),))
    text = render_diagnosis(replace(found, flags=(flag,))).decode()
    assert "shots/crane 7.png" in words(text)
    assert "<img" not in text


def test_a_lost_picture_says_so_in_its_place(drawn, found) -> None:
    lost = Seen("ab" * 32, f"{'cd' * 32}.png", "taken for owl")
    flag = replace(found.flags[0], images=(lost,))
    assert "image cannot be read" in words(render(drawn, replace(found, flags=(flag,))))


def test_names_and_sentences_are_shown_and_not_run(drawn, found) -> None:
    flag = Flag(HOSTILE, HOSTILE, "adherence", HOSTILE, HOSTILE, HOSTILE,
                (measure(HOSTILE, 0.5),), (Seen(HOSTILE, "", HOSTILE),))  # fmt: skip
    odd = replace(found, title=HOSTILE, encoder=HOSTILE, flags=(flag,), notes=(HOSTILE,),
                  groups=(replace(group(HOSTILE), confusers=((HOSTILE, 0.4),)),),
                  senses=((HOSTILE, HOSTILE, 0.1),), settings={HOSTILE: HOSTILE})  # fmt: skip
    text = render(drawn, odd, gallery="javascript:alert(1)")
    assert "<script" not in text
    assert "javascript:" not in text
    assert "script-src &#39;none&#39;" in text


def test_a_set_of_many_flagged_classes_stays_a_page(drawn, found) -> None:
    images = drawn.strip("mug", "nearest: owl, {:.2f}", 10)
    flags = tuple(
        replace(found.flags[0], label=f"class {at}", images=images) for at in range(120)
    )  # fmt: skip
    groups = tuple(group(f"class {at}") for at in range(120))
    text = render(drawn, replace(found, flags=flags, groups=groups))
    assert len(text) < 5_000_000
    assert text.count('<ul class="strip"') == BUDGET // SHOWN + 1
    assert "10 images show it; this page holds no more pictures" in words(text)
    assert f"{120 - SHOWN_CARDS} more flagged classes are in the data" in words(text)
