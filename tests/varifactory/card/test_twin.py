import json
from pathlib import Path

import pytest

from tests.drawn_items import Drawn
from tests.varifactory.card.test_rendering import COSTS, MODELS, manifest
from varifactory.card.twin import read_twin, twin
from varifactory.errors import FactoryError
from varifactory.yields import edits_of


def written(folder: Path, **more: object) -> Path:
    drawn = Drawn(classes=("owl",), sources=1)
    data = twin(manifest(), drawn.items, store="/team/store", models=MODELS, costs=COSTS,
                specs={"edits/abc": {"inpainter": {"name": "compositor"}}},
                commands=["one", "two"], seeds={"seed": 7}, limits=["l"])  # fmt: skip
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(data) | more))
    return path


def test_it_holds_the_figures_of_the_card(tmp_path: Path) -> None:
    found = json.loads(written(tmp_path).read_text())
    edits = edits_of(Drawn(classes=("owl",), sources=1).items)
    accepted = sum(row["statuses"]["ok"] for row in found["yields"])
    assert accepted == sum(row["status"] == "ok" for row in edits)
    assert all(row["accepted"]["low"] <= row["accepted"]["estimate"] for row in found["yields"])
    assert found["models"][1]["sha256"] == "92ab" * 16
    assert found["costs"][1]["usd"] == 1.25
    assert found["commands"] == {
        "again": ["one", "two"],
        "check": "varifactory reproduce toys@2 --store /team/store --check",
    }
    assert found["seeds"] == {"seed": 7}


def test_it_is_read_again_by_its_own_name_or_the_cards(tmp_path: Path) -> None:
    path = written(tmp_path, of_a_later_version=1)
    for name in (path, tmp_path / "card.md", tmp_path):
        card = read_twin(str(name))
        assert (card.title, card.store) == ("toys@2", "/team/store")
        assert card.specs["edits/abc"]["inpainter"]["name"] == "compositor"


@pytest.mark.parametrize(
    ("more", "told"),
    [({"format": 9}, "format"), ({"version": "x"}, "version"), ({"recipe": []}, "recipe"),
     ({"dataset_hash": ""}, "dataset_hash")],
)  # fmt: skip
def test_what_is_no_card_is_refused_with_the_key(
    tmp_path: Path, more: dict[str, object], told: str
) -> None:
    with pytest.raises(FactoryError, match=f"is no card: {told}"):
        read_twin(str(written(tmp_path, **more)))


def test_a_card_without_its_twin_is_said(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# toys")
    with pytest.raises(FactoryError, match=r"is read with the card\.json beside it"):
        read_twin(str(tmp_path / "card.md"))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "card.json").open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(FactoryError, match="more than 16 MB"):
        read_twin(str(tmp_path / "card.json"))
