"""A folder of class folders, local or on S3: ``cat/one.jpg``, or ``train/cat/one.jpg``."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from varifactory.decoding import MAX_BYTES
from varifactory.errors import SourceError
from varifactory.recipe import Sources
from varifactory.sources.listing import Draft, Listing, labelled
from varifactory.sources.names import SPLITS, shown, split_name

SUFFIXES = frozenset({"", ".png", ".jpg", ".jpeg", ".jfif", ".webp"})
"""A file is read where its name ends so, or has no ending; its content decides what it is."""
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_ROOM = 32  # folders deep; a deeper tree is a loop of links or not a set of images


@dataclass(frozen=True, slots=True)
class Entry:
    """A file below the root: the names of its folders and its own, and what listing tells."""

    steps: tuple[str, ...]
    path: str
    size: int
    stamp: str
    regular: bool = True


@dataclass(slots=True)
class Tree:
    """All that was found below a root."""

    files: list[Entry] = field(default_factory=list)
    folders: set[tuple[str, ...]] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)
    hidden: int = 0


def list_folder(spec: str, settings: Sources) -> Listing:
    """The images of a folder, class by class.

    The first folder is the class; folders below it are part of it. Where all first folders are
    named like splits (train, val, test, ...), the second is the class.

    Raises:
        SourceError: no such folder, not readable, or nothing in it that can be used.
    """
    fs, root = open_place(settings.uri)
    tree = walk(fs, root, settings.uri)
    draft = Draft(spec, settings)
    depth = 1 if _gives_splits(tree) else 0
    for path, reason in sorted(tree.unreadable.items()):
        draft.decide(path, "failed", reason, error_type="PermissionError")
    if tree.hidden:
        draft.notices.append(f"{tree.hidden} hidden entries (.DS_Store and the like) were left out")
    _name_empty_classes(draft, tree, depth)
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in tree.files:
        reason = _refusal(entry, depth)
        if reason:
            draft.decide(entry.path, "skipped", reason, _label_shown(entry, depth))
            continue
        split = split_name(entry.steps[0]) if depth else None
        groups.setdefault((entry.steps[depth], split or ""), []).append(entry)
    for (text, split), entries in sorted(groups.items()):
        _plan_class(draft, text, split or None, entries)
    return draft.finish(shown(settings.uri, 200))


PLACES = ("file", "s3", "s3a", "gs", "gcs", "az", "abfs")
"""Where sources may lie; other kinds of address could lead into the worker's own network."""


def open_place(uri: str) -> tuple[Any, str]:
    """The file system of a URI and the path in it.

    Raises:
        SourceError: an unknown kind of place, or one whose client is not installed.
    """
    import fsspec

    scheme = uri.partition("://")[0] if "://" in uri else "file"
    if scheme not in PLACES:
        raise SourceError(
            f"sources.uri {uri!r} cannot be opened: give a folder or a file, here or on "
            f"{', '.join(f'{one}://' for one in PLACES[1:])}"
        )
    try:
        fs, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise SourceError(
            f"sources.uri {uri!r} cannot be opened ({error}): give a folder or an s3:// address"
        ) from error
    # A listing from memory would not see what changed since.
    fs.invalidate_cache()
    return fs, str(path)


def walk(fs: Any, root: str, where: str) -> Tree:
    """Everything below a folder, links followed but never in a circle.

    Raises:
        SourceError: the root is missing, no folder, or cannot be listed.
    """
    tree = Tree()
    try:
        info = fs.info(root)
        if info["type"] != "directory":
            raise SourceError(
                f"sources.uri {where!r} is a file, not a folder of class folders; "
                "for a Parquet file set sources.kind=table"
            )
        if _is_flat(fs):
            _take_flat(fs, root, tree)
        else:
            _descend(fs, root, (), tree, ())
    except SourceError:
        raise
    except Exception as error:
        # Clients of object stores raise errors of their own (credentials, endpoint).
        _explain(where, error)
    return tree


def _explain(where: str, error: Exception) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        raise SourceError(
            f"sources.uri {where!r} does not exist: give an existing folder"
        ) from None
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    raise SourceError(
        f"sources.uri {where!r} cannot be listed ({text}): check its permissions and credentials"
    ) from error


def _is_flat(fs: Any) -> bool:
    """Object stores list all keys below a prefix in one go, a thousand a request."""
    return bool(getattr(fs, "async_impl", False))


def _take_flat(fs: Any, root: str, tree: Tree) -> None:
    start = len(root.rstrip("/")) + 1
    for path, info in sorted(fs.find(root, detail=True).items()):
        steps = tuple(path[start:].split("/"))
        if any(_is_litter(step) for step in steps):
            tree.hidden += 1
            continue
        tree.folders.update(steps[:n] for n in range(1, len(steps)))
        tree.files.append(_entry(fs, steps, info))


def _descend(
    fs: Any, folder: str, steps: tuple[str, ...], tree: Tree, above: tuple[str, ...]
) -> None:
    real = os.path.realpath(folder) if _is_local(fs) else folder
    if real in above or len(above) > _ROOM:
        tree.unreadable[folder] = "the folder links back to one above it: remove the link"
        return
    try:
        found = [_followed(fs, info) for info in fs.ls(folder, detail=True)]
    except OSError as error:
        if not steps:
            raise
        text = error.strerror or str(error)
        tree.unreadable[folder] = f"the folder cannot be listed ({text}): check its permissions"
        return
    for info in sorted(found, key=lambda one: str(one["name"])):
        name = str(info["name"]).rstrip("/").rsplit("/", 1)[-1]
        inner = (*steps, name)
        if _is_litter(name):
            tree.hidden += 1
        elif info["type"] == "directory":
            tree.folders.add(inner)
            _descend(fs, str(info["name"]), inner, tree, (*above, real))
        else:
            tree.files.append(_entry(fs, inner, info))


def _followed(fs: Any, info: dict[str, Any]) -> dict[str, Any]:
    """What a link leads to; a listing tells of the link itself."""
    if not info.get("islink"):
        return info
    try:
        return {**fs.info(info["name"]), "name": info["name"]}
    except OSError:
        return {**info, "type": "broken link"}


def _entry(fs: Any, steps: tuple[str, ...], info: dict[str, Any]) -> Entry:
    path = str(info["name"])
    return Entry(
        steps,
        path if _is_local(fs) else str(fs.unstrip_protocol(path)),
        int(info.get("size") or 0),
        stamp_of(info),
        info["type"] == "file" and ("mode" not in info or stat.S_ISREG(info["mode"])),
    )


def stamp_of(info: dict[str, Any]) -> str:
    """ETag or modification time: what changes when a file does."""
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created"):
        if info.get(name):
            return f"{name.lower()} {info[name]}"
    return "unknown"


def _is_local(fs: Any) -> bool:
    protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    return protocol in {"file", "local"}


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _LITTER


def _gives_splits(tree: Tree) -> bool:
    """Every first folder is named like a split, one of them train, and classes lie below."""
    tops = {steps[0] for steps in tree.folders if len(steps) == 1}
    nested = any(len(entry.steps) > 2 for entry in tree.files)
    return nested and "train" in {split_name(top) for top in tops} <= set(SPLITS)


def _name_empty_classes(draft: Draft, tree: Tree, depth: int) -> None:
    classes = {steps[: depth + 1] for steps in tree.folders if len(steps) > depth}
    filled = {entry.steps[: depth + 1] for entry in tree.files}
    unread = {path.rstrip("/").rsplit("/", 1)[-1] for path in tree.unreadable}
    for steps in sorted(classes - filled):
        if steps[-1] not in unread:
            draft.notices.append(f"class folder {shown('/'.join(steps))} is empty: no such class")


def _refusal(entry: Entry, depth: int) -> str:
    """Why a file is not read; empty if it is."""
    suffix = os.path.splitext(entry.steps[-1])[1].lower()
    if any("\ud800" <= character <= "\udfff" for character in entry.path):
        return "its name is not valid Unicode: rename it"
    if len(entry.steps) < depth + 2:
        return "it lies in no class folder: move it into one"
    if not entry.regular:
        return "it is no regular file, or a link to nothing: remove it"
    if suffix not in SUFFIXES:
        return f"files that end in {shown(suffix)} are not read: PNG, JPEG and WebP are"
    if entry.size > MAX_BYTES:
        return f"{entry.size} bytes are more than {MAX_BYTES}: shrink it"
    return ""


def _label_shown(entry: Entry, depth: int) -> str:
    return shown(entry.steps[depth])[1:-1] if len(entry.steps) > depth + 1 else ""


def _plan_class(draft: Draft, text: str, split: str | None, entries: list[Entry]) -> None:
    by_uri = {entry.path: entry for entry in entries}

    def plan(uri: str, label: str) -> None:
        draft.plan(uri, by_uri[uri].size, by_uri[uri].stamp, label, split)

    labelled(draft, by_uri, text, plan)


def read_files(rows: list[dict[str, Any]], settings: Sources) -> Iterator[bytes | Exception]:
    """The bytes of each file, or the error that reading it raised."""
    fs, _ = open_place(settings.uri)
    for row in rows:
        try:
            yield fs.cat_file(row["uri"])
        except Exception as error:  # a client's own errors too; the row carries them
            yield error
