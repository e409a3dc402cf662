"""A diagnosis: the set it is of, the vectors it rests on, and the page it ends in."""

import logging

from flows.dataset import make_dataset
from flows.embedding import embedded
from flows.parameters import data_set
from flows.run import FactoryRun
from flows.showing import show_dataset
from tasks.report import write_diagnosis
from tasks.texts import text_shard
from varifactory.diagnosis.choosing import Chosen, compared, target_of, target_rows
from varifactory.diagnosis.plan import (
    DiagnosisPlan,
    check_template,
    keep_plan,
    plan_diagnosis,
    plans_of,
    read_senses,
)
from varifactory.diagnosis.telling_senses import Answers, by_model, keep_told, tell, told_before
from varifactory.embeddings import embedding_spec
from varifactory.keys import spec_of
from varifactory.models import ClipModel, registry
from varifactory.models.provider.estimate import spent
from varifactory.recipe import Recipe
from varifactory.sources import list_sources, source_fields
from varifactory.stages import Row
from varifactory.store import Manifest
from varifactory.texts import plan_texts, text_spec

log = logging.getLogger("varifactory")

SHARD = 2048
"""Texts a task: each costs a millisecond."""


def synthetic_set(run: FactoryRun) -> tuple[Manifest, str]:
    """The data set version that the recipe asks about, and its gallery; made if it is its own.

    Raises:
        RecipeError: there is no such data set or version, or no such target.
        PopulationError: the template of class names, or the file of other senses, cannot be used,
            or the target is empty.
    """
    asked = run.recipe.diagnosis
    check_template(run.recipe.training.template)
    _check_senses(run.recipe)
    if asked.target:
        target_rows(run.store, data_set(run.store, "diagnosis.target", asked.target))
    if asked.dataset:
        return data_set(run.store, "diagnosis.dataset", asked.dataset), ""
    made = make_dataset(run)
    return made.manifest, show_dataset(run, made)


def _check_senses(recipe: Recipe) -> None:
    """Read the file of other senses as it will be read once the images are there.

    Of sources that are yet to be read one listing tells the classes.
    """
    asked, sources = recipe.diagnosis, recipe.sources
    if not asked.senses or by_model(asked.senses):
        return
    names = None
    if not asked.dataset:
        spec = spec_of("sources", source_fields(sources))
        names = list_sources(spec, sources).class_names
    read_senses(asked.senses, names, recipe.training.template)


def diagnosed(run: FactoryRun, manifest: Manifest) -> str:
    """Embed what is compared, write the plan down and then the page; where that lies.

    Raises:
        PopulationError: the images cannot be diagnosed.
        ModelError: the language model that tells other senses cannot work at all.
        StageFailed: a shard ended without its items.
    """
    found = compared(run.store, manifest, run.recipe.diagnosis.reference)
    target = _target(run, found)
    encoder = registry.encoder(run.recipe)
    plan = _plan(run, manifest, found, encoder)
    embedded(run, [*found.rows, *target])
    fields, wanted = text_spec(encoder), plan.wanted_texts(found.class_names, found.prompts)
    planned = plan_texts(plan.texts, wanted, encoder)
    run.stage(text_shard, "texts", fields, planned, size=SHARD)
    keep_plan(run.store, plan)
    shown = write_diagnosis(run.store.url, manifest.name, manifest.version, plan.hash12)
    return shown.result()


def _told(run: FactoryRun, manifest: Manifest, found: Chosen) -> Answers | None:
    """What a language model says of the class names, where the recipe names one; asked once a
    class of a data set version, whatever the run ends in."""
    model = run.recipe.diagnosis.senses
    if not by_model(model):
        return None
    told = told_before(run.store, manifest, model)
    if asked := [name for name in found.class_names if name not in told]:
        teller = registry.sense_teller(run.recipe, run=run.id)
        log.info("expected cost: %s", teller.estimate(asked).words())

        def keep(fresh: Answers) -> None:
            keep_told(run.store, manifest, model, told | fresh)

        answers, notices = tell(teller, asked, keep)
        told |= {name: each.senses for name, each in answers.items()}
        rows = [{"cost_usd": each.cost_usd, "raw": name} for name, each in answers.items()]
        run.notices += [*notices, *filter(None, [spent(f"senses by {model}", rows)])]
    return {name: told[name] for name in found.class_names if name in told}


def _plan(run: FactoryRun, manifest: Manifest, found: Chosen, encoder: ClipModel) -> DiagnosisPlan:
    texts = spec_of("texts", text_spec(encoder))
    known = [plan.logit_scale for plan in plans_of(run.store, manifest) if plan.texts == texts]
    return plan_diagnosis(
        run.store, manifest, run.recipe.diagnosis, found.class_names,
        encoder=str(encoder.identity["name"]),
        embeddings=spec_of("embeddings", embedding_spec(encoder)),
        texts=texts,
        # Asking the encoder loads it, which a run that finds everything made can do without.
        logit_scale=known[0] if known else encoder.logit_scale,
        template=run.recipe.training.template,
        told=_told(run, manifest, found),
    )  # fmt: skip


def _target(run: FactoryRun, found: Chosen) -> tuple[Row, ...]:
    """Pictures of the target domain, where the recipe names one."""
    asked = run.recipe.diagnosis.target
    if not asked:
        return ()
    manifest = data_set(run.store, "diagnosis.target", asked)
    return target_of(run.store, manifest, found.labels[1])[0]
