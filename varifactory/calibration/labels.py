"""Reading filled sheets: every line is checked, and all that is wrong is told at once."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from varifactory.calibration.questions import ANSWERS, QUESTIONS, Label
from varifactory.calibration.sampling import CalibrationError, Sample

SAMPLE, KEY, RATER, NOTE = "sample", "key", "rater", "note"
NEEDED = (SAMPLE, KEY, *(question.name for question in QUESTIONS))
TOLD = 12
"""Faults of a sheet that an error names; it counts the others."""
SEPARATORS = ",;\t"
"""Spreadsheets write a list with what their country's numbers leave free."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sheet, as it was found."""

    where: str
    """File and line number, for messages."""
    sample: str
    key: str
    rater: str
    answers: Mapping[str, str]
    """Question -> what was written, blanks cut off."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What people said of a sample."""

    by_rater: Mapping[str, Mapping[str, Label]]
    """Rater -> edit key -> label."""
    missing: Mapping[str, tuple[str, ...]]
    """Rater -> keys of the sample that this rater left out; empty for who answered all."""


def read_lines(sheets: Sequence[Path]) -> list[Line]:
    """The lines of filled sheets, not yet checked against their sample.

    Raises:
        CalibrationError: a file that cannot be read, or is no sheet.
    """
    return [line for sheet in sheets for line in _lines(sheet)]


def _lines(sheet: Path) -> Iterator[Line]:
    try:
        rows = list(csv.DictReader(io.StringIO(_text(sheet)), delimiter=_separator(sheet)))
    except csv.Error as error:
        raise CalibrationError(f"{sheet} is no list: {error}. Save the sheet as CSV") from None
    columns = {str(name).strip().lower() for name in (rows[0] if rows else {}) if name}
    if absent := [name for name in NEEDED if name not in columns]:
        raise CalibrationError(
            f"{sheet} is no sheet of answers: it lacks the column {absent[0]!r}. Give the "
            "sheet.csv that `varifactory calibrate sample` wrote, filled and saved as CSV"
        )
    plain = [{str(name).strip().lower(): str(cell or "").strip() for name, cell in row.items()
              if name} for row in rows]  # fmt: skip
    named = sorted({row[RATER] for row in plain if row.get(RATER)})
    alone = named[0] if len(named) == 1 else sheet.stem
    for number, row in enumerate(plain, start=2):
        if not any(row.values()):
            continue
        answers = {question.name: row[question.name] for question in QUESTIONS}
        yield Line(f"{sheet.name}, line {number}", row[SAMPLE], row[KEY],
                   row.get(RATER) or alone, answers)  # fmt: skip


def _text(sheet: Path) -> str:
    try:
        data = sheet.read_bytes()
    except OSError as error:
        raise CalibrationError(f"{sheet} cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Of an older spreadsheet: what is read here, keys and answers, is the same in both.
        return data.decode("latin-1")


def _separator(sheet: Path) -> str:
    head = _text(sheet).partition("\n")[0]
    return max(SEPARATORS, key=head.count)


def sample_of(lines: Sequence[Line]) -> tuple[str, int, str]:
    """Data set, version and id of the sample that all lines belong to.

    Raises:
        CalibrationError: no lines, lines of several samples, or a name that is none.
    """
    names = sorted({line.sample for line in lines})
    if len(names) != 1:
        told = ", ".join(repr(name) for name in names[:3]) or "none"
        raise CalibrationError(
            f"the sheets must be of one sample; their column `sample` names {told}"
        )
    dataset, _, rest = names[0].partition("@")
    version, _, sample = rest.partition("/")
    if not (dataset and sample and version.isascii() and version.isdigit()):
        raise CalibrationError(
            f"{names[0]!r} in the column `sample` names no sample: it must stay as it was written"
        )
    return dataset, int(version), sample


def checked(lines: Sequence[Line], sample: Sample, partial: bool = False) -> Labels:
    """The labels of a sample's sheets.

    Args:
        lines: of one rater or several.
        sample: what was drawn.
        partial: whether edits may be left without an answer; half an answer never may.

    Raises:
        CalibrationError: with every unknown key, doubled or missing label and unreadable answer.
    """
    keys = [drawn.key for drawn in sample.drawn]
    faults = [*_unknown(lines, set(keys)), *_doubled(lines), *_malformed(lines)]
    found: dict[str, dict[str, Label]] = {}
    for line in lines:
        if any(line.answers.values()):
            found.setdefault(line.rater, {})[line.key] = {
                name: ANSWERS.get(said.lower(), "") for name, said in line.answers.items()
            }
    missing = {rater: tuple(key for key in keys if key not in said)
               for rater, said in sorted(found.items())}  # fmt: skip
    if not partial:
        faults += [
            f"{rater} left out {len(absent)} of {len(keys)} edits, such as {absent[0][:16]}: "
            "answer them, with `unsure` where one cannot say, or give --partial"
            for rater, absent in missing.items()
            if absent
        ]
    if not found:
        faults.append("nobody answered anything")
    if faults:
        more = len(faults) - TOLD
        told = [*faults[:TOLD], *([f"and {more} more"] if more > 0 else [])]
        raise CalibrationError("the sheet cannot be used:\n  " + "\n  ".join(told))
    return Labels(dict(sorted(found.items())), missing)


def _unknown(lines: Sequence[Line], keys: set[str]) -> list[str]:
    return [
        f"{line.where}: key {line.key[:16]!r} is none of the sample's: keys must stay as written"
        for line in lines
        if line.key not in keys
    ]


def _doubled(lines: Sequence[Line]) -> list[str]:
    answered = [line for line in lines if any(line.answers.values())]
    times = Counter((line.rater, line.key) for line in answered)
    return [
        f"{line.where}: {line.rater!r} labelled {line.key[:16]} "
        f"{times[line.rater, line.key]} times: keep one line, or name the other person in the "
        "column `rater`"
        for line in answered
        if times[line.rater, line.key] > 1
    ]


def _malformed(lines: Sequence[Line]) -> list[str]:
    faults = []
    for line in lines:
        for name, said in line.answers.items():
            if said and said.lower() not in ANSWERS:
                faults.append(f"{line.where}: {name} is {said!r}: write yes, no or unsure")
            elif not said and any(line.answers.values()):
                faults.append(f"{line.where}: {name} was left empty: write yes, no or unsure")
    return faults
