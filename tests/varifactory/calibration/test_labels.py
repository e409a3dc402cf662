from pathlib import Path

import pytest

from varifactory.calibration.labels import Labels, checked, read_lines, sample_of
from varifactory.calibration.sampling import CalibrationError, Drawn, Kind, Sample

KEYS = [f"{at:064d}" for at in range(4)]
SAMPLE = Sample(
    id="abc", dataset="toys", version=2, dataset_hash="d" * 64, seed=0, feasibility_counts=False,
    asked_for=9, drawn=tuple(Drawn(key=key, stratum=0) for key in KEYS),
    kinds=(Kind(attribute="color", feasibility="feasible", accepted=True, size=9, drawn=4),),
)  # fmt: skip
HEAD = "sample,key,shows,keeps,possible,rater"


def lines(*answers: str, head: str = HEAD) -> str:
    rows = [f"{SAMPLE.name},{KEYS[at]},{answer}" for at, answer in enumerate(answers)]
    return "\n".join([head, *rows])


GOOD = lines("yes,yes,no,ada", "Y,1,?,ada", "no,UNSURE,yes,ada", " yes , no,no,ada")


@pytest.fixture
def write(tmp_path: Path):
    def made(text: str | bytes, name: str = "sheet.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return made


def read(*sheets: Path, partial: bool = False) -> Labels:
    return checked(read_lines(sheets), SAMPLE, partial)


def refusal(*sheets: Path) -> str:
    with pytest.raises(CalibrationError) as told:
        read(*sheets)
    return str(told.value)


def test_a_filled_sheet_is_read_as_it_is_meant(write) -> None:
    found = read(write(GOOD)).by_rater
    assert list(found) == ["ada"]
    assert [list(label.values()) for label in found["ada"].values()] == [
        ["yes", "yes", "no"], ["yes", "yes", "unsure"], ["no", "unsure", "yes"],
        ["yes", "no", "no"]]  # fmt: skip
    assert sample_of(read_lines([write(GOOD)])) == ("toys", 2, "abc")


@pytest.mark.parametrize(
    "saved",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        "\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n;;\r\n".replace(";", ","),
        GOOD.replace("sample,key,shows", "Sample, KEY ,Shows"),
        GOOD.replace("ada", "Zoë").encode("latin-1"),
    ],
    ids=["semicolons", "tabs", "excel", "capitals", "latin"],
)
def test_what_spreadsheets_make_of_it_is_read_too(write, saved: str | bytes) -> None:
    (labels,) = read(write(saved)).by_rater.values()
    assert len(labels) == 4


def test_people_are_told_apart_by_name_or_by_file(write) -> None:
    nameless = GOOD.replace(",ada", ",")
    both = read(write(nameless, "sheet-ada.csv"), write(nameless, "sheet-bob.csv"))
    assert list(both.by_rater) == ["sheet-ada", "sheet-bob"]
    once = read(write(lines("yes,yes,no,ada", *["no,no,no,"] * 3)))
    assert list(once.by_rater) == ["ada"]


def test_every_fault_is_told_with_its_line(write) -> None:
    text = lines("yes,maybe,no,ada", "yes,,no,ada", "no,no,yes,ada", "no,no,no,ada")
    text += f"\n{SAMPLE.name},{KEYS[2]},no,no,yes,ada\n{SAMPLE.name},beef,yes,yes,yes,ada"
    told = refusal(write(text))
    assert "sheet.csv, line 2: keeps is 'maybe': write yes, no or unsure" in told
    assert "sheet.csv, line 3: keeps was left empty" in told
    assert told.count(f"'ada' labelled {KEYS[2][:16]} 2 times") == 2
    assert "sheet.csv, line 7: key 'beef' is none of the sample's" in told


def test_many_faults_are_counted(write) -> None:
    unknown = f"\n{SAMPLE.name},beef,,,,ada"
    told = refusal(write(lines(*["a,b,c,ada"] * 4) + unknown))
    assert told.count("write yes, no or unsure") == 11
    assert told.endswith("and 1 more")


def test_the_same_sheet_given_twice_is_no_second_rater(write) -> None:
    assert "keep one line, or name the other person" in refusal(write(GOOD), write(GOOD, "b.csv"))


def test_what_is_missing_is_told_unless_it_may_be(write) -> None:
    sheet = write(lines("yes,yes,no,ada", ",,,", "no,no,yes,ada"))
    assert f"ada left out 2 of 4 edits, such as {KEYS[1][:16]}" in refusal(sheet)
    found = read(sheet, partial=True)
    assert found.missing == {"ada": (KEYS[1], KEYS[3])}
    assert "nobody answered anything" in refusal(write(lines(*[",,,"] * 4)))


@pytest.mark.parametrize("content", ["", "a,b\n1,2", b"PK\x03\x04\xff", "sample,key,shows\nx,y,z"])
def test_another_file_is_no_sheet(write, content: str | bytes) -> None:
    assert "is no sheet of answers: it lacks the column" in refusal(write(content))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["toys@2", "toys/abc", "@2/abc", "toys@x/abc", ""])
def test_a_sample_must_stay_as_it_was_written(write, name: str) -> None:
    sheet = write(GOOD.replace(SAMPLE.name, name))
    with pytest.raises(CalibrationError, match="names no sample: it must stay"):
        sample_of(read_lines([sheet]))


def test_sheets_of_two_samples_are_not_mixed(write) -> None:
    other = write(GOOD.replace("toys@2", "toys@3"), "b.csv")
    with pytest.raises(CalibrationError, match="must be of one sample"):
        sample_of(read_lines([write(GOOD), other]))
