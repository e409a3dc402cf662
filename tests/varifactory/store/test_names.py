"""No name leaves its folder."""

import pytest

from varifactory.store import StoreError, names

BAD = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "a..b",
    ".hidden",
    "con",
    "NUL.txt",
    "a\0b",
    "a\nb",
    "x" * 129,
    "Zürich",
    "a b",
    "%2e%2e",
]


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_everywhere(name: str) -> None:
    makers = (
        lambda: names.stage(name, "s"),
        lambda: names.stage("edits", name),
        lambda: names.run(name),
        lambda: names.run_object("r", name),
        lambda: names.dataset(name, 1),
        lambda: names.export(name, 1),
        lambda: names.study(name, 1),
        lambda: names.study_file(name, 1),
        lambda: names.study_plan(name, "0" * 64),
        lambda: names.study_plan("cats", f"../{name}"),
        lambda: names.blob(name, "png"),
        lambda: names.blob("0" * 64, f"{name}/"),
        lambda: names.split_blob(name),
        lambda: names.part("edits", "s", name),
    )
    for make in makers:
        with pytest.raises(StoreError):
            make()


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a//b", "/a", "a/", "a/con.txt", "a\\..\\b"])
def test_export_paths_stay_inside(path: str) -> None:
    for make in (names.export, names.study_file):
        with pytest.raises(StoreError):
            make("cats", 1, path)


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "latest", "", "²", 0, 10**10])
def test_versions_are_whole_numbers(version: str | int) -> None:
    with pytest.raises(StoreError, match="version"):
        names.version_number(version)


def test_good_names() -> None:
    assert names.stage("edits", "a" * 64) == f"stages/edits/{'a' * 64}"
    assert names.export("cats-2.1_b", "v3", "gallery/img/a.png").endswith("/3/gallery/img/a.png")
    assert names.study("cats", 2) == "studies/cats/2.json"
    assert names.study_file("cats", "v2", "plots/forest.csv") == "studies/cats/2/plots/forest.csv"
    assert names.study_plan("cats", "0" * 64) == f"studies/cats/plan-{'0' * 64}.json"
    assert names.blob("ab" * 32, "safetensors").startswith("blobs/sha256/ab/abab")
    assert names.split_blob(f"{'0' * 64}.png") == ("0" * 64, "png")
