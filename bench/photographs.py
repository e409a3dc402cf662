"""Seven photographs as class folders, for the recipe `photos`: python -m bench.photographs FOLDER

They come with scikit-image and scikit-learn, so nothing is downloaded.
"""

import sys
from importlib import resources
from pathlib import Path

PHOTOGRAPHS = {
    "cat": ("skimage.data", "chelsea.png"),
    "coffee cup": ("skimage.data", "coffee.png"),
    "rocket": ("skimage.data", "rocket.jpg"),
    "astronaut": ("skimage.data", "astronaut.png"),
    "motorcycle": ("skimage.data", "motorcycle_left.png"),
    "temple": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
}


def write_photographs(folder: Path) -> list[Path]:
    """Copy each photograph into the folder of its class; existing files are replaced."""
    written = []
    for name, (package, file) in PHOTOGRAPHS.items():
        target = folder / name / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(resources.files(package).joinpath(file).read_bytes())
        written.append(target)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.photographs FOLDER")
    for path in write_photographs(Path(sys.argv[1])):
        print(path)
