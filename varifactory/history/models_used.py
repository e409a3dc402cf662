"""The models that took part in a data set: weights, revisions and licences, from its specs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LICENCES = Path(__file__).with_name("licences.yaml")
WEIGHTS = "weights"
PROVIDERS = ("litellm", "vision")
"""Names of those who ask a provider; ``model`` in their identity is what they ask for."""
OF_A_PROVIDER = "the terms of its provider"
UNPINNED = "not pinned: a provider may change what its name means"
NO_WEIGHTS = "Apache-2.0, as this project"
OF_SCIKIT_LEARN = "BSD-3-Clause, as scikit-learn"
UNKNOWN = "unknown: see where it came from"
Card = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelNote:
    """One model that took part."""

    stage: str
    name: str
    sha256: str = ""
    """Of local or built-in weights."""
    licence: str = "unknown"
    trained_with: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    """Commit of a hub's weights, or in words why there is none."""
    dtype: str = ""

    @property
    def pinned(self) -> bool:
        """Whether what is noted names one model for ever; a provider's name does not."""
        return self.revision != UNPINNED


def model_notes(
    specs: Mapping[str, Mapping[str, Any]], cards: Sequence[Card] = ()
) -> list[ModelNote]:
    """One note a model, whatever stages it took part in.

    Args:
        specs: ``stage/spec`` -> fields, as a run keeps them.
        cards: of built-in models; their licence and figures are told where the hash is theirs.
    """
    known = {str(card["sha256"]): card for card in cards}
    found: dict[tuple[str, str, str], ModelNote] = {}
    for name, fields in specs.items():
        stage = name.partition("/")[0]
        for note in _notes(stage, fields, known):
            place = (note.name, note.sha256, note.revision)
            seen = found.get(place)
            stages = dict.fromkeys([*(seen.stage.split(", ") if seen else []), stage])
            found[place] = replace(note, stage=", ".join(stages))
    return list(found.values())


def _notes(stage: str, fields: Mapping[str, Any], known: Mapping[str, Card]) -> Iterator[ModelNote]:
    for identity in fields.values():
        if isinstance(identity, Mapping) and "name" in identity:
            parts = [str(key) for key in identity if str(key).endswith(WEIGHTS)]
            if WEIGHTS not in parts:
                yield _without_weights(stage, identity)
            for key in parts:
                yield _with_weights(stage, identity, key.removesuffix(WEIGHTS), known)


def _without_weights(stage: str, identity: Mapping[str, Any]) -> ModelNote:
    name = str(identity["name"])
    if name in PROVIDERS:
        model = str(identity.get("model", name))
        return ModelNote(stage, model, licence=OF_A_PROVIDER, revision=UNPINNED)
    if estimator := identity.get("estimator"):
        return ModelNote(stage, f"{estimator} of scikit-learn", licence=OF_SCIKIT_LEARN)
    version = identity.get("version")
    return ModelNote(stage, name, licence=NO_WEIGHTS,
                     revision=f"version {version}" if version else "")  # fmt: skip


def _with_weights(
    stage: str, identity: Mapping[str, Any], part: str, known: Mapping[str, Card]
) -> ModelNote:
    weights = str(identity[part + WEIGHTS])
    place, at, commit = weights.partition("@")
    # A part is called by its own name, else by the hub's, else by what it is of the whole.
    whole = f"{identity['name']} {part.strip(' _').replace('_', ' ')}".strip()
    name = str(identity.get(f"{part}name") or (place if at else whole))
    card = known.get(weights, {})
    return ModelNote(
        stage=stage,
        name=f"{name} ({place})" if at and place != name else name,
        sha256="" if at else weights,
        licence=str(card.get("licence") or licence(place if at else name)),
        trained_with=str(card.get("script", "")),
        figures=card.get("figures", {}),
        revision=commit,
        dtype=str(identity.get(f"{part}dtype") or ""),
    )


def licence(name: str) -> str:
    """What is known of a public checkpoint's licence, by its name."""
    for pattern, known in _licences().items():
        if fnmatch(name.lower(), pattern.lower()):
            return known
    return UNKNOWN


@cache
def _licences() -> Mapping[str, str]:
    read: dict[str, str] = yaml.safe_load(LICENCES.read_text(encoding="utf-8"))
    return read
