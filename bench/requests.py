"""How often a run goes to its store: every call of the storage is a request where that is S3."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.figures import ROOT, beside, folder, show
from bench.server import prefect_server

RECIPE = ROOT / "deployments/recipes/quickstart.yaml"
SETTINGS = ("sources.world.train=12", "sources.world.test=12", "edits.compare.count=0",
            "edits.attempts=1", "run.shard_size=512")  # fmt: skip
KINDS = {"read": "GET", "size": "GET", "modified": "GET", "put_once": "PUT", "put_over": "PUT",
         "entries": "LIST", "folders": "LIST", "walk": "LIST"}  # fmt: skip


def measure(place: Path) -> None:
    """Make a small data set, then the same again; requests an item of all stages."""
    from flows.generate import generate
    from varifactory.recipe import Recipe

    asked = _counted()
    recipe = Recipe.read(RECIPE, SETTINGS)
    for said in ("made", "reused"):
        asked.clear()
        run = generate(recipe, str(place / "store"))
        kinds = {kind: asked[kind] for kind in ("GET", "PUT", "LIST")}
        show(f"requests of a run to its store, {said}", sum(kinds.values()) / run["items"],
             "an item of all stages", run["items"], **kinds)  # fmt: skip


def _counted() -> Counter[str]:
    """Calls of the storage from now on, by what S3 charges them as."""
    from varifactory.store.local import LocalBackend

    asked: Counter[str] = Counter()

    def counting(name: str, kind: str) -> None:
        whole = getattr(LocalBackend, name)

        def counted(self: Any, *given: Any, **named: Any) -> Any:
            asked[kind] += 1
            return whole(self, *given, **named)

        setattr(LocalBackend, name, counted)

    for name, kind in KINDS.items():
        counting(name, kind)
    return asked


def main() -> None:
    """Start a server and measure beside it."""
    with folder() as place, prefect_server(place):
        beside("bench.requests", str(place))


if __name__ == "__main__":
    measure(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
