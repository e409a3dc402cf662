"""From ``recipe.masks`` to who finds the object."""

from functools import cache
from typing import TYPE_CHECKING, Literal

from varifactory.errors import ModelError
from varifactory.models import Segmenter
from varifactory.models.checkpoints import find
from varifactory.models.registry.local_weights import local_weights
from varifactory.models.registry.naming import unknown
from varifactory.recipe import MaskGate, Masks, Recipe

if TYPE_CHECKING:
    from varifactory.models.masks.prompting import Pointer, Promptable

PROMPTED = ("small-sam", "sam", "sam2")
"""Those that draw a mask where they are shown to."""
SEGMENTERS = (*PROMPTED, "sam3", "saliency-onnx", "grabcut-saliency", "grabcut-box")
MIDDLES: dict[str, Literal["box", "point"]] = {"middle-box": "box", "middle-point": "point"}


def segmenter(recipe: Recipe) -> Segmenter:
    """Who finds the object, fallbacks included. Nothing is loaded.

    Raises:
        ModelError: a name that is none of ``SEGMENTERS``, a fallback that cannot be one, or a
            checkpoint that is not there.
    """
    # The gate is no part of a segmenter: two recipes that differ in it share the loaded model.
    masks = recipe.masks.model_copy(update={"gate": MaskGate()})
    return _segmenter(masks, recipe.run.device, recipe.run.threads, local_weights(masks))


@cache
def _segmenter(masks: Masks, device: str, threads: int, weights: tuple[str, ...]) -> Segmenter:
    del weights  # another model where other weights lie there
    first = _named(masks, masks.segmenter, "masks.segmenter", device, threads)
    if not masks.fallbacks:
        return first
    from varifactory.models.masks.chain import Chain

    taken = {masks.segmenter, masks.prompt if masks.segmenter in PROMPTED else ""}
    for name in masks.fallbacks:
        if name in taken:
            raise ModelError(
                f"masks.fallbacks has {name!r}, which was asked before: name another, or leave it "
                "out"
            )
        taken.add(name)
    return Chain([first, *(_fallback(masks, name, device, threads) for name in masks.fallbacks)])


def _fallback(masks: Masks, name: str, device: str, threads: int) -> Segmenter:
    key = "masks.fallbacks"
    if name not in MIDDLES:
        return _named(masks, name, key, device, threads)
    if masks.segmenter not in PROMPTED:
        raise ModelError(
            f"{key} has {name!r}, and masks.segmenter {masks.segmenter!r} takes no prompts: name a "
            f"segmenter ({', '.join(SEGMENTERS)})"
        )
    return _prompted(masks, masks.segmenter, name, device, threads)


def _named(masks: Masks, name: str, key: str, device: str, threads: int) -> Segmenter:
    if name in PROMPTED:
        if key == "masks.fallbacks" and name != "small-sam":
            raise _one_checkpoint(name)
        return _prompted(masks, name, masks.prompt, device, threads)
    if name == "sam3":
        if key == "masks.fallbacks":
            raise _one_checkpoint(name)
        return _sam3(masks, device, threads)
    if name == "saliency-onnx":
        return _saliency(masks, threads)
    if name in SEGMENTERS:
        from varifactory.grabcut import GrabCut

        return GrabCut("saliency" if name == "grabcut-saliency" else "box")
    raise unknown(key, name, (*SEGMENTERS, *MIDDLES) if key == "masks.fallbacks" else SEGMENTERS)


def _one_checkpoint(name: str) -> ModelError:
    return ModelError(
        f"masks.fallbacks has {name!r}, whose weights masks.checkpoint would have to name too: "
        "make it masks.segmenter, or fall back to one of small-sam, saliency-onnx, "
        f"grabcut-saliency, grabcut-box, {', '.join(MIDDLES)}"
    )


def _prompted(masks: Masks, name: str, prompt: str, device: str, threads: int) -> Segmenter:
    from varifactory.models.masks.prompted import Prompted

    many = prompt == "middle-point" if masks.multimask is None else masks.multimask
    return Prompted(
        _promptable(masks, name, device, threads),
        _pointer(masks, prompt, device, threads),
        multimask=many,
        rule=masks.choose,
    )


def _promptable(masks: Masks, name: str, device: str, threads: int) -> "Promptable":
    """The model alone, one for a segmenter and its fallbacks."""
    fields = masks.model_dump(include={"checkpoint", "file", "architecture"})
    return _model(
        Masks.model_validate(fields), name, device, threads, local_weights(masks.checkpoint)
    )


@cache
def _model(
    masks: Masks, name: str, device: str, threads: int, weights: tuple[str, ...]
) -> "Promptable":
    del weights  # as above
    if name == "small-sam":
        from varifactory.models.masks.sam import built_in_sam

        return built_in_sam(threads=threads)
    if name == "sam":
        from varifactory.models.masks.sam_checkpoint import large_sam

        found = find(masks.checkpoint, "masks.checkpoint")
        return large_sam(
            found,
            architecture=masks.architecture,
            file=masks.file,
            device=device,
            threads=threads,
        )
    from varifactory.models.masks import sam2

    found = find(masks.checkpoint, "masks.checkpoint", usual=sam2.USUAL)
    return sam2.Sam2(found, device=device, threads=threads)


def _pointer(masks: Masks, prompt: str, device: str, threads: int) -> "Pointer":
    if prompt in MIDDLES:
        from varifactory.models.masks.prompting import Middle

        return Middle(MIDDLES[prompt])
    from varifactory.models.masks import grounding_dino

    wanted = masks.detector
    return grounding_dino.GroundingDino(
        find(wanted.checkpoint, "masks.detector.checkpoint", usual=grounding_dino.USUAL),
        template=wanted.phrase,
        threshold=wanted.threshold,
        max_boxes=wanted.max_boxes,
        device=device,
        threads=threads,
    )


def _sam3(masks: Masks, device: str, threads: int) -> Segmenter:
    from varifactory.models.masks import sam3

    return sam3.Sam3(
        find(masks.checkpoint, "masks.checkpoint", usual=sam3.USUAL),
        template=masks.phrase,
        threshold=masks.threshold,
        rule=masks.choose,
        device=device,
        threads=threads,
    )


def _saliency(masks: Masks, threads: int) -> Segmenter:
    from varifactory.models.masks.onnx_saliency import OnnxSaliency

    found = find(masks.saliency.checkpoint, "masks.saliency.checkpoint")
    return OnnxSaliency(found, masks.saliency, threads=threads)
