"""What an edit asks that its family or checkpoint cannot do, in words; nothing is ignored."""

from typing import Any

from varifactory.models import InpaintingJob
from varifactory.models.edits.families import Family, families
from varifactory.models.edits.loading import Loaded
from varifactory.models.edits.settings import FOREIGN, Asked

OPERATION = "inpaint"


def refusal_of_family(job: InpaintingJob, family: Family, kind: str) -> str:
    """Why no checkpoint of the family can do a job and what to do instead; empty where one can."""
    name, asked = family.name, Asked.of(job, family)
    operation = job.attribute.editors.get(name, OPERATION)
    if operation != OPERATION:
        return f"{name} knows no operation {operation!r}: set it to {OPERATION!r}"
    if job.kind not in family.kinds:
        able = ", ".join(each.name for each in families().values() if job.kind in each.kinds)
        return f"{name} makes no {job.kind} edits: set edits.editor to one of {able}"
    if job.kind != kind:
        return f"{name} was set up for {kind} edits, this one is {job.kind}: edits.kind was changed"
    foreign = [each for each in FOREIGN if each in job.settings]
    if foreign:
        return f"{name} reads no {', '.join(foreign)}: leave it out of edits.by_attribute"
    if job.adapter and not family.adapters:
        return f"{name} takes no fine-tuned adapter: set adaptation.scope=none"
    return _refusal_of_settings(job, family, asked)


def _refusal_of_settings(job: InpaintingJob, family: Family, asked: Asked) -> str:
    name = family.name
    if job.kind == "text-to-image" and asked.strength != 1:
        return (
            f"text-to-image edits start from pure noise, strength {asked.strength:g} has no "
            "meaning for them: set edits.strength to 1"
        )
    if asked.steps_left < 1:
        return (
            f"strength {asked.strength:g} of {asked.steps} steps leaves none: raise "
            "edits.strength or edits.steps"
        )
    if not asked.negative:
        return ""
    if family.encoding.negative == "none":
        return f"{name} takes no negative prompt: clear edits.negative_prompt"
    if not asked.guided(family):
        return (
            f"guidance {asked.guidance:g} leaves the negative prompt without effect: raise "
            "edits.guidance above 1, or clear edits.negative_prompt"
        )
    return ""


def refusal_of_checkpoint(job: InpaintingJob, family: Family, loaded: Loaded) -> str:
    """Why the loaded checkpoint cannot do a job; empty where it can."""
    tokens, longest = loaded.prompts.tokens(job.prompt), loaded.prompts.longest()
    if tokens > longest:
        return (
            f"the prompt has {tokens} tokens and {family.name} reads {longest}: shorten the class "
            "name or the phrase"
        )
    negative = str(job.settings.get("negative_prompt", ""))
    if negative and (tokens := loaded.prompts.tokens(negative)) > longest:
        return f"edits.negative_prompt has {tokens} tokens and {family.name} reads {longest}"
    pipeline = loaded.pipeline
    if job.kind != "inpaint" and _fills_masks_only(pipeline):
        usual = family.usual(job.kind) or "another"
        return (
            f"this checkpoint was made for inpainting alone, not for {job.kind} edits: set "
            f"edits.checkpoint.name to one for whole images, such as {usual}"
        )
    return _refusal_of_guidance(Asked.of(job, family), family, pipeline)


def _refusal_of_guidance(asked: Asked, family: Family, pipeline: Any) -> str:
    if pipeline.config.get("is_distilled") and asked.guidance > 1:
        return (
            f"this checkpoint of {family.name} is distilled and reads no guidance: set "
            "edits.guidance to 1"
        )
    embedded = family.guidance_mode == "embedded"
    deaf = embedded and not pipeline.transformer.config.guidance_embeds
    if deaf and asked.guidance != family.guidance:
        return f"this checkpoint of {family.name} reads no guidance: leave edits.guidance out"
    return ""


def _fills_masks_only(pipeline: Any) -> bool:
    """Whether the network wants a mask and a masked source beside the latents (nine channels)."""
    unet = getattr(pipeline, "unet", None)
    return unet is not None and unet.config.in_channels != pipeline.vae.config.latent_channels
