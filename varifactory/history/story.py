"""What is told of an item: facts, and what they rest on, as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

INDENT = "  "
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
        return {"kind": self.kind, "key": self.key, "title": self.title, **self.facts,
                "parts": [part.told() for part in self.parts]}  # fmt: skip

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people, indented."""
        yield INDENT * depth + self.title
        for name, value in self.facts.items():
            if value not in (None, "", {}, []):
                yield f"{INDENT * (depth + 1)}{name}: {words(value)}"
        for part in self.parts:
            yield from part.lines(depth + 1)


def words(value: Any) -> str:
    """A value in a line."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {words(inner)}" for name, inner in value.items()
                         if inner not in (None, "", {}, []))  # fmt: skip
    elif isinstance(value, list | tuple):
        text = ", ".join(words(inner) for inner in value)
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
