"""What a foreign generator was trained on: pixel hashes, as a person gives or shows them."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from varifactory.decoding import ImageError, decode_image
from varifactory.errors import SourceError
from varifactory.images import pixel_hash
from varifactory.ingest.asking import IngestError
from varifactory.leakage.copies import Pixels
from varifactory.recipe import Sources
from varifactory.shards.prefetch import in_order
from varifactory.sources.folder import SUFFIXES, open_place, walk

_HASH = re.compile(r"[0-9a-f]{64}")
_LARGEST = 256 * 2**20
"""Bytes of a file of hashes: some 4 million of them."""


Shown = Callable[[str, Pixels], str]
"""Takes an image's pixel hash and its pixels; gives the pixel hash of the image that it is a copy
of, its own where it is of none."""


def hashes_in(
    place: str, settings: Sources, shown: Shown = lambda name, _: name
) -> tuple[list[str], list[str]]:
    """Sorted pixel hashes of what a generator was trained on, and what is to be told of them.

    A file holds one hash a line, or a JSON list of them; of a folder every image at any depth is
    read as sources are, at the size of the data set's masters: hashes of another size never meet.
    An image that is a copy of another in other bytes is that one, as far as ``shown`` tells.

    Raises:
        IngestError: nothing there, or no hash and no image.
    """
    try:
        fs, root = open_place(place)
        if fs.info(root)["type"] == "directory":
            found, notices = _of_images(fs, root, place, settings, shown)
        else:
            found, notices = _of_file(fs, root, place), []
    except FileNotFoundError:
        raise IngestError(
            f"--trained-on {place!r} does not exist: give a file of pixel hashes or a folder of "
            "images"
        ) from None
    except SourceError as error:
        raise IngestError(str(error).replace("sources.uri", "--trained-on")) from error
    except (OSError, PermissionError) as error:
        raise IngestError(
            f"--trained-on {place!r} cannot be read ({error}): check permissions and credentials"
        ) from error
    if not found:
        raise IngestError(
            f"--trained-on {place!r} holds no pixel hash and no image that can be read: leave it "
            "out where nobody knows what the generator was trained on"
        )
    return sorted(found), notices


def _of_file(fs: Any, path: str, place: str) -> set[str]:
    if int(fs.info(path).get("size") or 0) > _LARGEST:
        raise IngestError(f"--trained-on {place!r} is larger than {_LARGEST} bytes: no such list")
    try:
        text = fs.cat_file(path).decode("utf-8")
        words = json.loads(text) if text.lstrip().startswith("[") else text.split()
    except (UnicodeDecodeError, ValueError) as error:
        raise IngestError(
            f"--trained-on {place!r} is no list of hashes ({error}): give one a line, a JSON list, "
            "or a folder of images"
        ) from None
    wrong = [word for word in words if not isinstance(word, str) or not _HASH.fullmatch(word)]
    if wrong:
        raise IngestError(
            f"--trained-on {place!r}: {str(wrong[0])[:80]!r} is no pixel hash: 64 hexadecimal "
            "digits are expected, as column pixel_sha256 of a data set holds them"
        )
    return set(words)


def _of_images(
    fs: Any, root: str, place: str, settings: Sources, shown: Shown
) -> tuple[set[str], list[str]]:
    files = [
        entry.path for entry in walk(fs, root, place).files
        if entry.regular and _ending(entry.steps[-1]) in SUFFIXES
    ]  # fmt: skip
    read = list(_hashes(fs, files, settings, shown))
    found = {stands_for for _, stands_for in read if stands_for}
    notices = [f"images that the generator was trained on: {len(found)}"]
    copies = [
        path for path, (own, stands_for) in zip(files, read, strict=True) if own != stands_for
    ]
    if copies:
        notices.append(
            f"{len(copies)} files under --trained-on are copies of test or validation images in "
            f"other bytes, and count as these: the first is {copies[0]}"
        )
    if lost := sum(not own for own, _ in read):
        notices.append(
            f"{lost} of {len(read)} files under --trained-on are no readable image: a copy of one "
            "of them cannot be found"
        )
    return found, notices


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def _hashes(
    fs: Any, files: list[str], settings: Sources, shown: Shown
) -> Iterator[tuple[str, str]]:
    """The pixel hash of each file, and that of the image it stands for; empty of no image."""

    def hashed(path: str) -> tuple[str, str]:
        try:
            data = fs.cat_file(path)
            pixels = decode_image(data, settings.size, settings.max_pixels)
        except (ImageError, OSError):
            return "", ""
        own = pixel_hash(pixels)
        return own, shown(own, pixels)

    return in_order(hashed, files)
