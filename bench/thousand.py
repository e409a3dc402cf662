"""A thousand accepted edits on a machine without a card: built-in models, exact numbers."""

from bench.demo import run
from bench.figures import folder, show

SETTINGS = (
    "edits.exact=14", "edits.compare.count=0", "sources.shots=16", "sources.world.test=4",
    "sources.world.validation=4",
)  # fmt: skip
"""12 classes, 3 attributes and both feasibilities: 1,008 edits, few images held out."""
WANTED = 12 * 3 * 2 * 14


def main() -> None:
    """Wall time of the run and of its stages, the start of Prefect's server apart."""
    with folder() as place:
        said = run(place, "flows.generate", SETTINGS)
    tried = sum(said["counts"]["edits"].values())
    short = sum("accepted edits, of" in line for line in said["notices"])
    show("1,008 accepted edits", said["wall"] - said["server_seconds"], "s", WANTED,
         edits_made=tried, quotas_short=short, exit_code=said["code"])  # fmt: skip
    for stage, seconds in said["stage_seconds"].items():
        show(f"1,008 accepted edits: {stage}", seconds, "s", sum(said["counts"][stage].values()))


if __name__ == "__main__":
    main()
