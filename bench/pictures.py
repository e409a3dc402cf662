"""Pictures of a run as people see it, by a real server and a browser: python -m bench.pictures

They are kept in docs/pictures/. Everything happens in FOLDER, which is emptied first.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from bench.figures import ROOT
from flows.operation.environment import HERE, WORKER, settings_of
from tests.browser.chromium import Browser, browser, chromium
from tests.deployments.operated import Place, operated
from varifactory.loading import items_of
from varifactory.store import Store

FOLDER = Path("/tmp/varifactory-demo")
"""A place whose name says nothing about the machine: pages show it."""
PICTURES = ROOT / "docs" / "pictures"
RECIPE = "deployments/recipes/quickstart.yaml"
NAME = "quickstart"
SMALL = (
    "sources.world.classes=6", "sources.world.train=6", "sources.world.validation=3",
    "sources.world.test=8", "sources.shots=4", "training.arms=[real, real+feasible, real+mixed]",
    "training.steps=30",
)  # fmt: skip
"""The quickstart in a minute."""
MORE = ("edits.per_source=2", "verdicts.judge=none")
"""More edits; the judge would miss what is damaged, too."""
WIDE = 1280
DRAWN = 10.0
"""Seconds for the graph of a run, which a page says nothing of, to be drawn on a busy machine."""
PATIENCE = 60.0
"""Seconds for a page to show what it fetches."""
COLORS = 128
"""Of a picture: enough for words and drawings, and a third of the bytes."""
SHOWN = """
[document.body.innerText,
 ...[...document.querySelectorAll('input, textarea')].map(one => one.value)].join('\\n')
"""
FIRST_CARD = "Math.round(document.querySelector('.card').getBoundingClientRect().top + scrollY)"


def main() -> None:
    """Run, fail, wait for a person; look at each."""
    if not chromium():
        sys.exit("no Chromium found: make test-full installs one")
    PICTURES.mkdir(exist_ok=True)
    with demonstration() as place:
        runs = happened(place)
        with browser(FOLDER / "profile") as tab:
            Photographer(place, tab).all(runs)


@contextmanager
def demonstration() -> Iterator[Place]:
    """A server with everything deployed, and a worker, whose names are neutral."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with operated(FOLDER, VARIFACTORY_ACTOR="ada", **{HERE: str(ROOT)}) as place:
        done = place.run("flows.deploy")
        if done.returncode:
            sys.exit(done.stderr)
        place.start("prefect", "worker", "start", "--type", "process", "--pool", "cpu", "--name",
                    "studio", log="worker.log", **settings_of(WORKER))  # fmt: skip
        yield place


def happened(place: Place) -> dict[str, str]:
    """A study that went well, a run of which some items failed, one that waits for a person."""
    good = _begun(place, "study/study")
    place.until(good, "Completed")
    rot()
    bad = _begun(place, "generate/generate", *MORE)
    place.until(bad, "Completed")
    waiting = _begun(place, "generate/generate", "seed=8", "review.pause=true", "review.images=2")
    place.until(waiting, "Suspended")
    return {"good": good, "bad": bad, "waiting": waiting}


def _begun(place: Place, deployment: str, *more: str) -> str:
    return place.begin(deployment, {"recipe": RECIPE, "settings": [*SMALL, *more]})


def rot() -> None:
    """Damage the mask of one image, so that new edits of it fail."""
    store = FOLDER / "store"
    masks = {row["mask_blob"] for row in items_of(Store(str(store)), NAME, 1) if row["mask_blob"]}
    blob = min(masks).partition(".")[0]
    for file in (store / "blobs/sha256" / blob[:2]).glob(f"{blob}*"):
        file.write_bytes(b"rotten")


class Photographer:
    """Opens pages, waits for their words, keeps them as small PNGs."""

    def __init__(self, place: Place, tab: Browser) -> None:
        self.place, self.tab = place, tab
        self.base = place.url.removesuffix("/api")

    def all(self, runs: dict[str, str]) -> None:
        """Every picture of the documents."""
        self.server(runs)
        self.pages()

    def server(self, runs: dict[str, str]) -> None:
        """What Prefect's UI shows."""
        self.see(f"/v2/runs/flow-run/{runs['good']}?tab=Artifacts", "counts", "data-set-card")
        time.sleep(DRAWN)
        self.keep("run", 1040)
        failures = self.artifact(runs["bad"], "failures")
        self.see(f"/v2/artifacts/artifact/{failures['id']}", "Run these again")
        self.keep("failure", 760)
        link = failures["data"].split("**[Run these again](")[1].partition(")")[0]
        self.see(link, runs["bad"], "Id of the run")
        self.keep("rerun", 1200)
        found = self.place.ask("/deployments/name/generate/generate")["id"]
        self.see(f"/v2/deployments/deployment/{found}/run", "such as edits.per_source=2")
        self.keep("form", 900)
        self.review(runs["waiting"])

    def review(self, run: str) -> None:
        """The contact sheet, and beside it the form that is answered."""
        preview = self.artifact(run, "preview")
        self.see(f"/v2/artifacts/artifact/{preview['id']}", "varifactory gallery")
        sheet = self.shot(960).crop((256, 0, 864, 960))
        self.see(f"/v2/runs/flow-run/{run}", "Suspended")
        self.press("Open menu")
        self.press("Resume")
        self.until(f"{SHOWN}.includes('Your name')")
        form = self.shot(960).crop((340, 0, 940, 960))
        both = Image.new("RGB", (sheet.width + form.width, 960))
        both.paste(sheet, (0, 0))
        both.paste(form, (sheet.width, 0))
        kept(both, "review")

    def pages(self) -> None:
        """What the store keeps for people."""
        exports = FOLDER / "store/exports" / NAME
        page = FOLDER / "differences" / "index.html"
        page.parent.mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "varifactory.command", "diff", f"{NAME}@1", f"{NAME}@2",
             "--store", str(FOLDER / "store"), "--html", str(page)],
            cwd=ROOT, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.tab.window(WIDE, 900)
        self.tab.open(exports / "1/gallery/index.html")
        self.keep("gallery", 1100)
        self.tab.open(page)
        self.keep("diff", 900, above=FIRST_CARD)
        self.tab.open(exports / "1/report.html")
        self.keep("report", 1100)

    def artifact(self, run: str, key: str) -> dict[str, Any]:
        """An artifact of a run."""
        asked = {"artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}}
        found: dict[str, Any] = self.place.ask("/artifacts/filter", asked)[0]
        return found

    def see(self, path: str, *words: str) -> None:
        """Open a page of the server, and wait for words on it or in its fields."""
        self.tab.window(WIDE)
        self.tab.visit(path if "://" in path else self.base + path)
        for word in words:
            self.until(f"{SHOWN}.includes({json.dumps(word)})")

    def until(self, script: str) -> None:
        """Wait until a script says true."""
        patiently(lambda: bool(self.tab.ask(script)), script)

    def press(self, text: str) -> None:
        """Click on what says this, as soon as it is there."""
        patiently(lambda: self.tab.click(text), f"{text} to be pressed")

    def keep(self, name: str, height: int, above: str = "0") -> None:
        """A picture of a part of the page, from a place a little above what a script finds."""
        kept(self.shot(height, max(0, self.tab.ask(above) - 130)), name)

    def shot(self, height: int, top: int = 0) -> Image.Image:
        """The page at its whole width."""
        self.tab.window(WIDE, height)
        time.sleep(2)  # what the UI draws moves into its place
        file = FOLDER / "page.png"
        self.tab.picture(file)
        with Image.open(file) as whole:
            return whole.convert("RGB").crop((0, top, WIDE, min(top + height, whole.height)))


def patiently(done: Callable[[], bool], what: str) -> None:
    """Wait until something is done."""
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            sys.exit(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.25)


def kept(picture: Image.Image, name: str) -> None:
    """A small file of it."""
    few = picture.quantize(COLORS, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
