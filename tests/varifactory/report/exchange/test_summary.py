from dataclasses import replace

from tests.drawn_exchange import exchange
from varifactory.report.exchange.summary import SHOWN_NOTES, lines, summary, told


def test_a_terminal_is_told_the_verdict_then_each_rate() -> None:
    found = exchange(passed=False, notes=("something",))
    said = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines(found)]
    assert said[0].startswith("To gain what +100 % real images would")
    assert said[2].startswith("The identity control fails.")
    assert "edits, +100 % of 24, 48 and 96 real images: 0.88 a real image (0.58 to 1.33)" in said
    assert ("closed-set generator, +100 % of 24, 48 and 96 real images: not reached with 4.00 a "
            "real image") in said  # fmt: skip
    assert said[-1] == "something"


def test_what_is_known_to_cost_so_much_at_most_is_no_number() -> None:
    found = exchange()
    first = replace(found.rates[0], state="at most", per_real=None, at_most=7.197)
    found = replace(found, rates=(first, *found.rates[1:]))
    said = "edits, +50\N{NO-BREAK SPACE}% of 24 real images: at most 7.20 a real image"
    assert said in lines(found)
    assert "| at most 7.20 a real image | – |" in summary(found, "")


def test_markdown_shows_others_words_as_they_are() -> None:
    found = exchange(title="toys *1*", notes=[f"note <b> {at}" for at in range(SHOWN_NOTES + 2)])
    text = summary(replace(found, verdict=("a | b",)), "exports/page.html")
    assert text.startswith("# Exchange rate of toys \\*1\\*\n")
    assert "**a \\| b**" in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "2 more notes on the page." in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 9, "a head, and three gains of three pools"
    assert all(line.count(" | ") == 5 for line in rows)
    assert text.endswith("Page: exports/page.html\n")


def test_programs_are_told_each_rate() -> None:
    found = exchange()
    answer = told(found)
    assert len(answer["rates"]) == len(found.rates)
    assert answer["more_seeds"] == {"edits": 9, "closed-set": None}
    assert answer["controls"][0] == {
        "pool": "identity", "passed": True, "sentence": found.controls[0].sentence,
        "tells": True,
    }  # fmt: skip
