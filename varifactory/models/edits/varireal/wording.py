"""The words of the text-to-image passes, read from ``wording.yaml``."""

from functools import cache
from pathlib import Path

import yaml

from varifactory.catalog.attribute import PLACES
from varifactory.keys import digest
from varifactory.models import InpaintingJob

FILE = Path(__file__).with_name("wording.yaml")


@cache
def wording() -> dict[str, dict[str, str]]:
    """Operation -> ``prompt`` and ``negative``, with places to fill."""
    data: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return data


def wording_hash() -> str:
    """What names the words in a spec: the first 16 digits of the hash of what the file says."""
    return digest(wording())[:16]


def words_for(operation: str, job: InpaintingJob) -> tuple[str, str]:
    """Prompt and negative prompt of a job's background or texture sheet."""
    places = {"phrase": phrase_of(job), "class_name": job.class_name}
    found = wording()[operation]
    return _filled(found["prompt"], places), _filled(found["negative"], places)


def phrase_of(job: InpaintingJob) -> str:
    """The phrase inside a job's prompt; the bare value where no template of the catalog fits."""
    for template in job.attribute.templates:
        before, after = template.replace("{class_name}", job.class_name).split("{phrase}")
        if job.prompt.startswith(before) and job.prompt.endswith(after):
            return job.prompt[len(before) : len(job.prompt) - len(after)]
    return job.value


def _filled(template: str, places: dict[str, str]) -> str:
    return PLACES.sub(lambda place: places[place[1]], template)
