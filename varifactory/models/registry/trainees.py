"""From ``recipe.training`` to classifiers under training."""

from varifactory.errors import ModelError
from varifactory.models import Trainee
from varifactory.models.registry.clips import encoder
from varifactory.recipe import Recipe

COMPILER = "inductor"


def trainee(recipe: Recipe, name: str = "") -> Trainee:
    """A fresh classifier to train: every cell gets its own, so cells may run side by side.

    Args:
        recipe: of the run.
        name: of ``recipe.study.TRAINEES``; empty: ``training.trainee``.

    Raises:
        ModelError: no such checkpoint, or a setting that its device cannot follow.
    """
    makers = {"clip-lora": _lora, "linear-probe": _probe, "classifier": _classifier}
    name = name or recipe.training.trainee
    if name not in makers:
        raise ModelError(f"trainee {name!r} is unknown; known are {', '.join(makers)}")
    return makers[name](recipe)


def _probe(recipe: Recipe) -> Trainee:
    from varifactory.models.trainees.linear_probe import LinearProbe

    return LinearProbe(encoder(recipe).identity, threads=recipe.run.threads)


def _classifier(recipe: Recipe) -> Trainee:
    from varifactory.models.trainees.architectures import find_architecture
    from varifactory.models.trainees.image_classifier import ImageClassifier

    training = recipe.training
    return ImageClassifier(
        find_architecture(
            training.classifier, training.classifier_weights, training.classifier_sha256
        ),
        threads=recipe.run.threads,
        device=recipe.run.device,
        precision=training.precision,
    )


def _lora(recipe: Recipe) -> Trainee:
    from varifactory.models.clip.bases import find_base, is_built_in
    from varifactory.models.clip.classifier import Ways
    from varifactory.models.clip.lora import LoraClip

    training = recipe.training
    device = "cpu" if is_built_in(training.clip) else recipe.run.device
    if training.compile and device == "cpu":
        raise ModelError(
            "training.compile is true, which gains nothing on a CPU: set training.compile=false, "
            "or run.device=cuda with a larger training.clip"
        )
    return LoraClip(
        find_base(
            training.clip, revision=training.clip_revision, sha256=training.clip_sha256
        ),
        training.template,
        threads=recipe.run.threads,
        encoders=training.encoders,
        ways=Ways(
            device=device, precision=training.precision, recompute=training.recompute,
            compiler=COMPILER if training.compile else "",
        ),
    )  # fmt: skip
