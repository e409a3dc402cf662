"""What docs/reading.md says can be done is done."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from varifactory.command import main
from varifactory.datasets import Dataset

PAGE = (Path(__file__).parents[3] / "docs/reading.md").read_text(encoding="utf-8")
FORMS = ("hf", "webdataset", "imagefolder", "coco", "fiftyone")


def blocks() -> list[str]:
    """Indented blocks, as they would be pasted."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() for block in found]


@pytest.fixture(scope="module")
def place(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


def here(text: str, data: Dataset) -> str:
    """The page's words on the data set of these tests."""
    return text.replace("s3://team/store", data.store.url).replace("#quickstart", "#toys")


def test_its_commands_and_its_python_run(
    data: Dataset, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    commands = [block for block in blocks() if block.startswith("varifactory ")]
    assert len(commands) == 2
    environment = {
        **os.environ, "HF_HOME": str(place / "hf"), "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    told = [shlex.split(here(command, data))[1:] for command in commands]
    export = next(words for words in told if words[0] == "export")
    export[1] = "toys"
    for form in FORMS:
        told.append([*export[: export.index("--to")], "--to", form, "--out", f"quickstart-{form}"])
    told.remove(export)
    for words in told:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    python = [block for block in blocks() if block.startswith(("from ", "import "))]
    assert len(python) >= 3
    code = here("\n\n".join(python), data)
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                         text=True, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]


def test_every_form_and_reader_is_on_it() -> None:
    for name in (*FORMS, "pandas", "polars", "duckdb", "pyarrow", "webdataset", "pycocotools",
                 "load_dataset", "FiftyOne"):  # fmt: skip
        assert name in PAGE
    assert len(PAGE.splitlines()) < 150
