"""Items of a data set without any pixels: for tests of what is planned of them."""

from varifactory.stages import Row


def image(label: str, split: str, at: int, **columns: object) -> Row:
    """A source item; its key and hash tell where it stands."""
    name = f"{label}/{split}/{at:03d}"
    return {
        "key": f"source {name}", "source_key": f"source {name}", "kind": "source", "status": "ok",
        "label": label, "split": split, "pixel_sha256": name, "image_blob": f"{name}.png",
    } | columns  # fmt: skip


def edit(source: Row, at: int, **columns: object) -> Row:
    """An accepted edit of it; every other one is feasible."""
    name = f"{source['pixel_sha256']}/edit {at}"
    feasibility = "infeasible" if at % 2 else "feasible"
    return source | {
        "key": name, "kind": "edit", "pixel_sha256": name, "image_blob": f"{name}.png",
        "feasibility": feasibility, "attribute": "color", "index": at // 2,
        "editor": "compositor",
    } | columns  # fmt: skip


def foreign(label: str, at: int, **columns: object) -> Row:
    """An image that was taken in."""
    name = f"{label}/foreign/{at:03d}"
    return {
        "key": f"foreign {name}", "edit_key": name, "kind": "foreign", "status": "ok",
        "label": label, "split": "train", "pixel_sha256": name, "image_blob": f"{name}.png",
        "editor": "gan", "source_key": None, "feasibility": None,
    } | columns  # fmt: skip


def items(
    train: int = 30, validation: int = 2, test: int = 4, edits: int = 3,
    labels: tuple[str, ...] = ("apple", "taxi", "whale"),
) -> list[Row]:  # fmt: skip
    """Source items of every class and split, and edits of every training image."""
    counts = {"train": train, "validation": validation, "test": test}
    sources = [
        image(label, split, at)
        for label in labels
        for split, count in counts.items()
        for at in range(count)
    ]
    made = [edit(row, at) for row in sources if row["split"] == "train" for at in range(edits)]
    return sources + made
