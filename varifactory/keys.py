"""Names made from content: specs, item keys and seeds.

A **spec** is the hash of what all items of a stage share, an **item key** the hash of a spec and
of what is special to one item. Equal keys mean equal work, whoever did it and wherever.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

KEY_VERSION = 1
"""Raised when the canonical form below changes; part of every spec."""

STAGE_VERSIONS: dict[str, int] = {
    "sources": 1,
    "leakage": 1,
    "prompts": 1,
    "masks": 1,
    "adapters": 1,
    "edits": 1,
    "verdicts": 1,
    "decisions": 1,
    "training": 1,
    "checkpoints": 1,
    "predictions": 1,
    "embeddings": 1,
    "texts": 1,
    "foreign": 1,
    "closed": 1,
    "exchange": 1,
    "items": 1,
}
"""Raised by hand when a stage computes something else for the same inputs: bump to recompute."""

INCLUDED: dict[str, str] = {
    "stage version": "the stage's code is what makes the artifact",
    "model identity": "name, revision or weight hash, dtype: other weights give other pixels",
    "parameters": "every setting of the stage that reaches the computation",
    "padded batch shape, threads": "on a CPU the order of sums, and so the pixels, depend on them",
    "prompt": "what the edit shows",
    "seed": "noise of one item; made from the source, never from the batch",
    "parents' pixel hashes": "decoded pixels as stored: another PNG encoder changes nothing",
}
EXCLUDED: dict[str, str] = {
    "shard, batch mates, order": "an item is the same in any company (tested)",
    "path, host, worker count, runner": "where work was done is not what was made",
    "library versions, device": "provenance, kept beside the row; pinned by the lock file",
    "thresholds": "raw measures are kept; another threshold recomputes no model call",
    "comments, names, notes": "words about the work",
    "retries, timeouts, budgets": "how hard we tried is not what was made",
}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces; floats as ``repr`` strings, NaN and infinity refused.

    Floats become strings so that no JSON writer's rounding can change a key.

    Raises:
        TypeError: for a value that is not JSON-like (bytes, arrays, sets, paths).
        ValueError: for NaN or an infinity.
    """
    return _text(value).encode()


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value in its canonical form already: what many keys share is written once."""

    text: str


def encoded(value: Any) -> Encoded:
    """A value to stand in many keys; they are the same as with the value itself."""
    return Encoded(_text(value))


def _text(value: Any) -> str:
    # Millions of values go through here when a large run is planned: the most frequent first, and
    # no copy as plain data for a general writer of JSON.
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is int:
        return repr(value)
    if kind is Encoded:
        return str(value.text)
    if kind is list or kind is tuple:
        return f"[{','.join([_text(inner) for inner in value])}]"
    if kind is dict or isinstance(value, Mapping):
        named = {str(name): inner for name, inner in value.items()}
        pairs = [f"{encode_basestring(name)}:{_text(named[name])}" for name in sorted(named)]
        return f"{{{','.join(pairs)}}}"
    return _rarely(value)


def _rarely(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, list | tuple):
        return _text(list(value))
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"a key cannot hold {value!r}: give a finite number")
        return f'"f:{value!r}"'
    raise TypeError(f"a key cannot hold {type(value).__name__} {value!r}")


def digest(value: Any) -> str:
    """The sha256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def spec_of(stage: str, fields: Mapping[str, Any]) -> str:
    """The spec of a stage: 64 hexadecimal digits, also the name of its folder in the store."""
    return digest(
        {
            "key_version": KEY_VERSION,
            "stage": stage,
            "stage_version": STAGE_VERSIONS.get(stage, 1),
            **fields,
        }
    )


def item_key(spec: str, **fields: Any) -> str:
    """The key of one item: its spec and the fields that are special to it."""
    return digest({"spec": spec, **fields})


def source_key(spec: str, row: Mapping[str, Any]) -> str:
    """The key of a source that was read: of its file's bytes and its label, wherever it lies."""
    return item_key(spec, bytes_sha256=row["bytes_sha256"], label=row["label"])


def edit_seed(
    generation_seed: int, source_pixels: str, attribute: str, index: int, attempt: int
) -> int:
    """The seed of an edit, 63 bits.

    Neither prompt, mask nor feasibility enters: the feasible and the infeasible edit of one source
    and index share their noise, so arms are paired.
    """
    return seed_from(generation_seed, source_pixels, attribute, index, attempt)


def seed_from(*parts: Any) -> int:
    """A 63-bit seed from JSON-like parts, the same on every machine."""
    return int(digest(["seed", *parts])[:16], 16) >> 1


def share(content_hash: str, salt: str = "") -> float:
    """A number in [0, 1) that depends on the content alone: places an image in a split."""
    return int(hashlib.sha256(f"{salt}:{content_hash}".encode()).hexdigest()[:13], 16) / 16**13
