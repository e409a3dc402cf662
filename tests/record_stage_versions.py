"""What each stage computes with, as hashes: so that no change of it goes unnoticed.

    python tests/record_stage_versions.py                      # after a version was raised
    python tests/record_stage_versions.py --waive "the reason"  # same results as before

A stage's version is part of every key. Where a stage, something of the project that it imports, or
its data changed, either its version in ``varifactory/keys.py`` is raised (everything it made is
made again), or a waiver says why it still makes the same.
"""

import argparse
import ast
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("stage_versions.json")
BUILT_IN = "varifactory/models/builtin"

MODULES: dict[str, tuple[str, ...]] = {
    "sources": ("varifactory.sources",),
    "leakage": ("varifactory.leakage.copies", "varifactory.leakage.neighbours"),
    "prompts": ("varifactory.prompts", "varifactory.models.prompts.catalog"),
    "masks": ("varifactory.masks", "varifactory.models.masks.*", "varifactory.grabcut"),
    "adapters": ("varifactory.adapters", "varifactory.models.adapters.*"),
    "edits": ("varifactory.edits", "varifactory.compositor", "varifactory.models.edits.*"),
    "verdicts": (
        "varifactory.verdicts.planning",
        "varifactory.verdicts.judging",
        "varifactory.judge",
        "varifactory.models.verdicts.*",
        "varifactory.models.clip.*",
    ),
    "decisions": ("varifactory.verdicts.decisions",),
    "training": (
        "varifactory.training.making",
        "varifactory.training.planning",
        "varifactory.models.clip.*",
        "varifactory.models.trainees.*",
    ),
    "checkpoints": ("varifactory.training.making", "varifactory.models.clip.*"),
    "predictions": ("varifactory.training.making", "varifactory.models.clip.*"),
    "embeddings": ("varifactory.embeddings", "varifactory.models.clip.*"),
    "texts": ("varifactory.texts", "varifactory.models.clip.*"),
    "foreign": ("varifactory.ingest.reading", "varifactory.sources"),
    "closed": ("varifactory.exchange.closed_set",),
    "exchange": (
        "varifactory.exchange.cell_training",
        "varifactory.exchange.estimators",
        "varifactory.models.clip.*",
        "varifactory.models.trainees.*",
    ),
    "items": ("varifactory.items",),
}
"""Stage -> what makes it: its module, and the models it may be given; ``.*`` is a whole folder."""

DATA: dict[str, tuple[str, ...]] = {
    "varifactory/prompts.py": ("varifactory/catalog/**/*.yaml",),
    "varifactory/world": ("varifactory/catalog/world.yaml",),
    "varifactory/judge": ("varifactory/judge/*.npz", "varifactory/judge/*.json"),
    "varifactory/models/masks/sam.py": (f"{BUILT_IN}/small-sam/*.safetensors",),
    "varifactory/models/clip/open_clip.py": (f"{BUILT_IN}/small-clip/*.safetensors",),
    "varifactory/models/edits/diffusion.py": (f"{BUILT_IN}/small-diffusion/**/*.safetensors",),
    "varifactory/models/edits": ("varifactory/models/edits/**/*.yaml",),
    "varifactory/models/masks": ("varifactory/models/masks/*.yaml",),
    "varifactory/models/verdicts": ("varifactory/models/verdicts/*.yaml",),
    "varifactory/models/clip": ("varifactory/models/clip/*.yaml",),
}
"""Code -> the files it reads; cards are words about weights and stay out."""

EXEMPT = {
    "varifactory/__init__.py": "names for users",
    "varifactory/catalog": "values, words and paints that reach a stage are fields of its keys",
    "varifactory/errors.py": "what users are told",
    "varifactory/shards/keeping.py": "where rows and blobs are kept",
    "varifactory/models/accelerator.py": "what is done where memory is short or a card is lost",
    "varifactory/models/checkpoints.py": "which weights are meant: their commit or hash is a field",
    "varifactory/models/provider": "how a provider is asked again, and what it may cost",
    "varifactory/models/residency.py": "what stays loaded",
    "varifactory/models/weight_hashes.py": "hashes that are remembered",
    "varifactory/models/__init__.py": "what a model must be able to do; nothing is done there",
    "varifactory/records.py": "columns that rows are kept in",
    "varifactory/recipe/": "the settings that reach a stage are fields of its spec",
    "varifactory/stages.py": "the shape in which rows are handed over",
    "varifactory/store": "where rows and blobs are kept",
}
"""What changes no artifact, whoever imports it, with the reason."""


def files_of(stage: str) -> list[str]:
    """The code that a stage is made of, transitively, and the data that this reads."""
    found: set[str] = set()
    waiting = [path for name in MODULES[stage] for path in _named(name)]
    while waiting:
        path = waiting.pop()
        if path not in found and not any(path.startswith(one) for one in EXEMPT):
            found.add(path)
            waiting += imports(path)
    data = [pattern for code, patterns in DATA.items() for pattern in patterns
            if any(path.startswith(code) for path in found)]  # fmt: skip
    read = {str(path.relative_to(ROOT)) for pattern in data for path in ROOT.glob(pattern)}
    return sorted(found | read)


def _named(name: str) -> list[str]:
    """The files of an entry of ``MODULES``."""
    if not name.endswith(".*"):
        return _paths(name)
    folder = ROOT / name.removesuffix(".*").replace(".", "/")
    return sorted(str(path.relative_to(ROOT)) for path in folder.rglob("*.py"))


def _paths(name: str) -> list[str]:
    """The files of a module of the project and of the packages it is in; none of other names."""
    steps = name.split(".")
    if steps[0] != "varifactory":
        return []
    found = []
    for length in range(2, len(steps) + 1):
        place = "/".join(steps[:length])
        found += [path for path in (f"{place}/__init__.py", f"{place}.py")
                  if (ROOT / path).is_file()]  # fmt: skip
    return found


@cache
def imports(path: str) -> tuple[str, ...]:
    """Files of the project that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return tuple(sorted({found for name in names for found in _paths(name)}))


@cache
def hash_of(path: str) -> str:
    """Of what a file means: code without comments and docstrings, YAML without comments."""
    data = (ROOT / path).read_bytes()
    if path.endswith(".py"):
        data = meaning(data.decode()).encode()
    elif path.endswith(".yaml"):
        data = json.dumps(yaml.safe_load(data), sort_keys=True, default=str).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def meaning(code: str) -> str:
    """The syntax of code, the same under every Python: words and layout left out."""
    return json.dumps(_plain(ast.parse(code)), default=repr)


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(one) for one in node if not _is_text(one)]
    if not isinstance(node, ast.AST):
        return node
    # Fields that are empty differ from one version of Python to the next.
    fields = ((name, _plain(value)) for name, value in ast.iter_fields(node) if name != "kind")
    return [
        type(node).__name__,
        *((name, value) for name, value in fields if value not in (None, [])),
    ]


def _is_text(node: Any) -> bool:
    """A docstring, of whatever stands above it."""
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str))  # fmt: skip


def current() -> dict[str, str]:
    """File -> hash, of all stages."""
    return {path: hash_of(path) for stage in MODULES for path in files_of(stage)}


def changed(record: dict[str, Any], versions: dict[str, int]) -> dict[str, list[str]]:
    """Stage -> changed files, of the stages whose version is still the recorded one."""
    found = {}
    for stage in MODULES:
        files = [path for path in files_of(stage) if record["files"].get(path) != hash_of(path)]
        if files and record["versions"].get(stage) == versions[stage]:
            found[stage] = files
    return found


def main() -> int:
    """Record what is there; 1 where a version is to be raised, or a reason given."""
    from varifactory.keys import STAGE_VERSIONS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waive", metavar="REASON", help="why the changes alter no artifact")
    reason = parser.parse_args().waive
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    record = {"files": {}, "versions": {}, "waivers": []} | record
    same = changed(record, STAGE_VERSIONS)
    if same and not reason:
        for stage, files in same.items():
            print(f"{stage}: {', '.join(files)} changed")
        print('raise their versions in varifactory/keys.py, or give --waive "REASON"')
        return 1
    if same:
        files = sorted({path for paths in same.values() for path in paths})
        record["waivers"].append({"stages": sorted(same), "files": files, "reason": reason})
    record["files"], record["versions"] = dict(sorted(current().items())), STAGE_VERSIONS
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"recorded {len(record['files'])} files of {len(MODULES)} stages in {RECORD.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
