"""Where everything lies in a store, and which names are let in.

User text (class names, captions) never becomes a path: paths are made of hashes, stage names and
the names checked here.
"""

import re

from varifactory.store.errors import StoreError

PART = re.compile(r"part-[0-9a-f]{64}\.parquet")
BLOB = re.compile(r"([0-9a-f]{64})\.([a-z0-9]{1,16})")
USE = re.compile(r"uses-[A-Za-z0-9_-]+-([0-9a-f]{64})")
"""What a run leaves beside its record for a spec it works with: its name says it all."""
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
# Windows opens a device, not a file, under these names whatever the extension.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)}

STORE_FILE = "store.json"
BLOBS = "blobs/sha256"
STAGES = "stages"
RUNS = "runs"
DATASETS = "datasets"
STUDIES = "studies"
EXPORTS = "exports"
PINS = "pins"
TRASH = "trash"
GC = "gc"
PROBES = "probes"


def plain(what: str, name: str) -> str:
    """The name itself, if it may become one component of a path.

    Raises:
        StoreError: naming ``what`` it is, the value and the rule.
    """
    fits = isinstance(name, str) and _PLAIN.fullmatch(name) is not None and ".." not in name
    if not fits or name.split(".")[0].lower() in _DEVICES:
        raise StoreError(
            f"{what} {name!r} cannot be used: give 1 to 128 letters, digits, '.', '_' or '-', "
            "not starting with '.', without '..', and no device name such as 'con'"
        )
    return name


def blob(sha: str, ext: str) -> str:
    """Path of a blob.

    Raises:
        StoreError: if it is not 64 hexadecimal digits and an extension without its dot.
    """
    if BLOB.fullmatch(f"{sha}.{ext}") is None:
        raise StoreError(
            f"blob '{sha}.{ext}' cannot be: a blob is 64 lower-case hexadecimal digits and "
            "an extension of 1 to 16 lower-case letters or digits, such as 'png'"
        )
    return f"{BLOBS}/{sha[:2]}/{sha}.{ext}"


def split_blob(name: str) -> tuple[str, str]:
    """``<sha>.<ext>`` as rows hold it, taken apart."""
    found = BLOB.fullmatch(name)
    if found is None:
        raise StoreError(f"{name!r} is no blob name: '<64 hexadecimal digits>.<ext>' is expected")
    return found[1], found[2]


def stage(stage: str, spec: str) -> str:
    """Folder of a stage's parts under one spec."""
    return f"{STAGES}/{plain('stage', stage)}/{plain('spec', spec)}"


def part(stage_name: str, spec: str, name: str) -> str:
    """Path of one part."""
    if PART.fullmatch(name) is None:
        raise StoreError(f"{name!r} is no part: 'part-<64 hexadecimal digits>.parquet' is expected")
    return f"{stage(stage_name, spec)}/{name}"


def run(run_id: str) -> str:
    """Path of a run's first record."""
    return f"{RUNS}/{plain('run', run_id)}.json"


def run_object(run_id: str, name: str) -> str:
    """Path of something a run left beside its record."""
    return f"{RUNS}/{plain('run', run_id)}/{plain('run object', name)}"


def use(run_id: str, stage_name: str, spec: str) -> str:
    """Path of a run's note that it works with a spec."""
    return run_object(run_id, f"uses-{stage_name}-{spec}")


def dataset(name: str, version: int) -> str:
    """Path of a data set version's manifest."""
    return f"{DATASETS}/{plain('data set', name)}/{version}.json"


def version_number(version: str | int) -> int:
    """A version as ``3``, ``"3"`` or ``"v3"``."""
    text = str(version).removeprefix("v")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**9:
        raise StoreError(f"version {version!r} is no version: give a whole number from 1, or 'v1'")
    return int(text)


def study(name: str, version: int) -> str:
    """Path of a study version's manifest."""
    return f"{STUDIES}/{plain('study', name)}/{version}.json"


def study_file(name: str, version: str | int, path: str = "") -> str:
    """Path of something that lies beside a study version; ``path`` may have folders in it."""
    folder = f"{STUDIES}/{plain('study', name)}/{version_number(version)}"
    return _below(folder, "study file", path)


def study_plan(name: str, plan_hash: str) -> str:
    """Path of a plan that was registered for a study."""
    return f"{STUDIES}/{plain('study', name)}/plan-{plain('plan', plan_hash)}.json"


def export(name: str, version: str | int, path: str = "") -> str:
    """Path of an export's file; ``path`` may have folders in it."""
    folder = f"{EXPORTS}/{plain('data set', name)}/{version_number(version)}"
    return _below(folder, "export path", path)


def _below(folder: str, what: str, path: str) -> str:
    steps = [plain(what, step) for step in path.split("/")] if path else []
    return "/".join([folder, *steps])


def pin(name: str) -> str:
    """Path of a pin."""
    return f"{PINS}/{plain('pin', name)}.json"


def trash(path: str) -> str:
    """Where an object lies that was moved away."""
    return f"{TRASH}/{path}"
