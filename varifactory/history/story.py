"""What is told of an item: facts, and what they rest on, as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

INDENT = "  "
REPEATED = "libraries"
"""A fact that is mostly the same of all parts: words tell it where it is another."""
MOST = 5
"""Of more scores than this words show the highest."""
LONGEST = 300
"""Letters of a fact that words show; JSON has it whole."""


@dataclass(slots=True)
class Story:
    """One thing: what it is called, what is known of it, and what belongs to it."""

    kind: str
    """A word of the field: edit, source, mask, prompt, verdict, version, ..."""
    key: str
    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    parts: "list[Story]" = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {"kind": self.kind, "key": self.key, "title": self.title, "facts": self.facts,
                "parts": [part.told() for part in self.parts]}  # fmt: skip

    def lines(self, depth: int = 0, said: str = "") -> Iterator[str]:
        """For people, indented; ``said`` are the libraries that were told before."""
        yield INDENT * depth + self.title
        for name, value in self.facts.items():
            told = words(value)
            if told and not (name == REPEATED and told == said):
                yield f"{INDENT * (depth + 1)}{name}: {told}"
        said = words(self.facts[REPEATED]) if self.facts.get(REPEATED) else said
        for part in self.parts:
            yield from part.lines(depth + 1, said)


EMPTY: tuple[Any, ...] = (None, "", {}, [])


def words(value: Any) -> str:
    """A value in a line, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        kept = [(name, inner) for name, inner in value.items() if inner not in EMPTY]
        if len(kept) > MOST and all(isinstance(inner, float) for _, inner in kept):
            kept = sorted(kept, key=lambda one: -one[1])[:MOST]
        text = ", ".join(f"{name} {words(inner)}" for name, inner in kept)
    elif isinstance(value, list | tuple):
        text = ", ".join(words(inner) for inner in value)
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
