"""The pages of a run, rendered by tasks; what is there already is not rendered again."""

from flows.run import FactoryRun
from tasks.report import write_gallery
from varifactory.store import Manifest, StoreMissing


def show_dataset(run: FactoryRun, manifest: Manifest) -> str:
    """The gallery of a version; where its first page lies."""
    first = "gallery/index.html"
    try:
        run.store.get_export(manifest.name, manifest.version, first)
    except StoreMissing:
        facts = {"recipe": manifest.recipe_fingerprint[:12], "hash": manifest.dataset_hash[:12]}
        return write_gallery(run.recipe, run.store.url, manifest.version, facts)
    return run.store.export_path(manifest.name, manifest.version, first)
