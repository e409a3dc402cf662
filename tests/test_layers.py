"""Who may import whom: the one rule of the architecture that would rot first."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODEL_WORLD = {
    "torch", "torchvision", "diffusers", "transformers", "open_clip", "peft", "segment_anything",
    "litellm", "timm",
}  # fmt: skip
FORBIDDEN = {
    "varifactory": {"prefect", "tasks", "flows"},
    "tasks": {"flows"} | MODEL_WORLD,
    "flows": MODEL_WORLD,
}
STAGES = ("sources", "prompts", "masks", "edits", "verdicts", "training", "items")


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_only_downwards(layer: str) -> None:
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    broken = {str(f.relative_to(ROOT)): tops(f) & FORBIDDEN[layer] for f in files}
    assert {name: found for name, found in broken.items() if found} == {}


def test_only_models_meet_the_torch_world() -> None:
    files = [f for f in (ROOT / "varifactory").rglob("*.py") if "models" not in f.parts]
    assert [str(f) for f in files if tops(f) & MODEL_WORLD] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_its_models_as_arguments(stage: str) -> None:
    path = ROOT / "varifactory" / f"{stage}.py"
    files = [path] if path.is_file() else sorted(path.with_suffix("").glob("*.py"))
    assert files
    for file in files:
        met = {name for name in imported(file) if name.startswith("varifactory.models.")}
        protocols = {f"varifactory.models.{name}" for name in _protocols()}
        assert met <= protocols, f"{file.name} imports {met - protocols}"


def _protocols() -> set[str]:
    tree = ast.parse((ROOT / "varifactory/models/__init__.py").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    return classes | {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_only_the_store_touches_object_storage() -> None:
    allowed = {"store", "sources", "decoding"}
    for file in (ROOT / "varifactory").rglob("*.py"):
        if {"fsspec", "s3fs"} & tops(file):
            assert allowed & set(file.with_suffix("").parts), f"{file} touches storage"


def test_no_folder_of_files_is_a_package_by_accident() -> None:
    for folder in ("docker", "deployments", "tests"):
        assert not list((ROOT / folder).rglob("__init__.py"))
