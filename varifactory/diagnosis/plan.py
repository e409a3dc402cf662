"""``plan.json`` beside a diagnosis: all that it takes to count it again without a model."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from varifactory.diagnosis.checking import PopulationError, listed, shown
from varifactory.history.plans import meant
from varifactory.history.versions import named
from varifactory.keys import digest
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.store import Manifest, Store

FOLDER = "diagnosis"
"""Beside a data set version, below its exports."""
FILE = "plan.json"

Senses = dict[str, dict[str, str]]
"""Class name -> other sense -> its text."""


class Target(BaseModel):
    """A data set version whose real training images are another domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int = Field(ge=1)


class DiagnosisPlan(BaseModel):
    """Which vectors a diagnosis rests on, and how it was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str
    version: int = Field(ge=1)
    dataset_hash: str
    """Of the version, which a store could hold under this name after a copy between stores."""
    encoder: str
    embeddings: str
    """Spec of the pictures' vectors."""
    texts: str = ""
    """Spec of the texts' vectors; empty of an encoder without texts."""
    logit_scale: float = 100.0
    template: str = "a photo of a {class_name}"
    senses: Senses = Field(default_factory=dict)
    """Class name -> other sense -> its text, as the user's file had them, or as a model told them:
    then a class it knows one sense of has none here, and one that is not here was not answered."""
    settings: Diagnosis = Diagnosis()
    target: Target | None = None
    """What ``settings.target`` meant when the plan was made; None: the reference itself."""
    made_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def hash12(self) -> str:
        """Twelve digits of all but ``made_at``: the folder's name.

        Nor of how the settings spell the version and the target, which both stand here themselves:
        ``pets`` and ``pets@3`` may be one diagnosis.
        """
        told = self.model_dump(
            mode="json", exclude={"made_at": True, "settings": {"dataset", "target"}}
        )
        return digest(told)[:12]

    @property
    def folder(self) -> str:
        """Where the diagnosis lies among the exports of its data set version."""
        return f"{FOLDER}/{self.hash12}"

    def class_text(self, class_name: str) -> str:
        """The text that stands for a class."""
        return self.template.format(class_name=class_name)

    def wanted_texts(self, class_names: Iterable[str], prompts: Iterable[str]) -> list[str]:
        """Every text that a diagnosis reads a vector of, each once."""
        senses = [text for each in self.senses.values() for text in each.values()]
        named = [self.class_text(name) for name in class_names]
        return list(dict.fromkeys([*named, *senses, *filter(None, prompts)]))


def plan_diagnosis(
    store: Store,
    manifest: Manifest,
    settings: Diagnosis,
    class_names: Sequence[str],
    *,
    encoder: str,
    embeddings: str,
    texts: str = "",
    logit_scale: float = 100.0,
    template: str = "a photo of a {class_name}",
    told: Mapping[str, Sequence[str]] | None = None,
) -> DiagnosisPlan:
    """The plan of a version: what the settings name by file or by name is written out.

    Args:
        class_names: of the version, whose senses may be told.
        encoder: its name.
        embeddings: spec of the pictures' vectors.
        texts: spec of the texts' vectors.
        told: class name -> other senses, of the model that the settings name in place of a file.

    Raises:
        PopulationError: the template or the file of senses cannot be used.
        StoreMissing: there is no such target.
    """
    check_template(template)
    target = named(store, settings.target) if settings.target else None
    if not texts:
        senses: Senses = {}
    elif told is None:
        senses = read_senses(settings.senses, class_names, template)
    else:
        senses = {name: {sense: template.format(class_name=sense) for sense in each}
                  for name, each in told.items()}  # fmt: skip
    return DiagnosisPlan(
        dataset=manifest.name,
        version=manifest.version,
        dataset_hash=manifest.dataset_hash,
        encoder=encoder,
        embeddings=embeddings,
        texts=texts,
        logit_scale=logit_scale,
        template=template,
        senses=senses,
        settings=settings,
        target=Target(name=target.name, version=target.version) if target else None,
    )


def check_template(template: str) -> None:
    """Raise ``PopulationError`` for a template that no class name goes into, or more than it."""
    try:
        asked = [rest for _, *rest in Formatter().parse(template) if rest[0] is not None]
    except ValueError:
        asked = []
    # Not an attribute of the name, nor a form of it: these format to anything, or not at all.
    if not asked or any(rest != ["class_name", "", None] for rest in asked):
        raise PopulationError(
            f"training.template {template!r} cannot be used: it must hold {{class_name}} and no "
            "other braces, such as 'a photo of a {class_name}'"
        )


def keep_plan(store: Store, plan: DiagnosisPlan) -> str:
    """Write ``plan.json`` beside the data set version; where it lies."""
    data = plan.model_dump_json(indent=1).encode()
    return store.put_export(plan.dataset, plan.version, f"{plan.folder}/{FILE}", data)


def plans_of(store: Store, manifest: Manifest) -> list[DiagnosisPlan]:
    """The plans of all diagnoses of a version, the newest first.

    Raises:
        PopulationError: one of them cannot be read.
    """
    there = store.export_files(manifest.name, manifest.version, FOLDER)
    found = [_read(store, manifest, path) for path in sorted(there) if path.endswith(f"/{FILE}")]
    return sorted(found, key=lambda plan: (plan.made_at, plan.hash12), reverse=True)


def read_plan(store: Store, manifest: Manifest, start: str = "") -> DiagnosisPlan:
    """The newest plan of a version, or the one whose hash begins with ``start``.

    Raises:
        PopulationError: there is none, ``start`` names several, or it cannot be read.
    """
    where = f"{manifest.name}@{manifest.version}"
    plans = plans_of(store, manifest)
    if not plans:
        raise PopulationError(
            f"{where} was never diagnosed: run `python -m flows.diagnose RECIPE --set "
            f"diagnosis.dataset={where}` first, which embeds its images"
        )
    return meant(plans, start, f"diagnoses of {where}", PopulationError)


def _read(store: Store, manifest: Manifest, path: str) -> DiagnosisPlan:
    full = f"{FOLDER}/{path}"
    try:
        plan = DiagnosisPlan.model_validate_json(
            store.get_export(manifest.name, manifest.version, full)
        )
    except ValidationError as error:
        raise PopulationError(
            f"{store.export_path(manifest.name, manifest.version, full)} is no plan of this "
            f"version of varifactory ({error.error_count()} faults, the first: "
            f"{error.errors()[0]['msg']}): remove it and diagnose again"
        ) from None
    if plan.dataset_hash != manifest.dataset_hash:
        raise PopulationError(
            f"{store.export_path(manifest.name, manifest.version, full)} is of the data set "
            f"{plan.dataset_hash[:16]}, {manifest.name}@{manifest.version} holds "
            f"{manifest.dataset_hash[:16]}: remove it and diagnose again"
        )
    return plan


def read_senses(path: str, class_names: Sequence[str] | None, template: str) -> Senses:
    """Other senses of class names, from a YAML file: lists of words, or word -> whole text.

        crane: [wading bird, {lifting machine: a photo of a tower crane}]

    All that is written there is text: ``3`` and ``yes`` may be class names, ``747`` a sense. A word
    alone is put into the template as a class name is. Empty ``path``: none.

    Args:
        path: of the file.
        class_names: that may be named; None where they are not known yet.
        template: of class names.

    Raises:
        PopulationError: the file cannot be read, is of another form, or names no class of these.
    """
    if not path:
        return {}
    try:
        # BaseLoader makes text of every scalar, and objects of nothing.
        data = yaml.load(Path(path).read_text(encoding="utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PopulationError(
            f"diagnosis.senses {path!r} cannot be read as YAML: {error}"
        ) from None
    if not isinstance(data, dict):
        raise PopulationError(
            f"diagnosis.senses {path!r} holds {type(data).__name__}: give class name -> list of "
            "other senses, such as `crane: [wading bird, lifting machine]`"
        )
    known = data if class_names is None else class_names
    if unknown := sorted(name for name in data if name not in known):
        raise PopulationError(
            f"diagnosis.senses {path!r} names {listed(map(shown, unknown))}, which "
            f"{'is no class' if len(unknown) == 1 else 'are no classes'} of the data set: it has "
            f"{listed(map(shown, known))}"
        )
    return {name: _texts(path, name, told, template) for name, told in data.items()}


def _texts(path: str, name: str, told: object, template: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in told if isinstance(told, list) else [told]:
        for sense, text in one.items() if isinstance(one, dict) else [(one, None)]:
            whole = template.format(class_name=sense) if text is None else text
            if not _is_word(sense) or not _is_word(whole):
                raise PopulationError(
                    f"diagnosis.senses {path!r}: a sense of {shown(name)} is {sense!r}: "
                    f"{text!r}; give words, or word: text"
                )
            found[str(sense)] = str(whole)
    return found


def _is_word(told: object) -> bool:
    return isinstance(told, str) and bool(told.strip())
