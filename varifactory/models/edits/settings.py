"""What one edit asks of a diffusion editor, its family's usual settings filled in."""

from dataclasses import dataclass

from varifactory.models import InpaintingJob
from varifactory.models.edits.families import Family

FOREIGN = ("alpha", "image_scale", "dilate")
"""Settings of priors and image prompts, which plain pipelines have none of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Settings that all images of one forward pass share."""

    steps: int
    strength: float
    """Share of the noise an edit starts from, 0 to 1."""
    guidance: float
    negative: str

    @classmethod
    def of(cls, job: InpaintingJob, family: Family) -> "Asked":
        """The job's own settings, the family's where it has none."""
        told = job.settings
        factor = family.strengths.get(job.attribute.name, 1.0)
        return cls(
            int(told.get("steps", family.steps)),
            float(told.get("strength", 1.0)) * factor,
            float(told.get("guidance", family.guidance)),
            str(told.get("negative_prompt", "")),
        )

    @staticmethod
    def read_by(family: Family) -> tuple[str, ...]:
        """Names of the settings that a family has."""
        negative = () if family.encoding.negative == "none" else ("negative_prompt",)
        return ("strength", "steps", "guidance", *negative)

    @property
    def steps_left(self) -> int:
        """Denoising steps after the skipped ones."""
        return min(int(self.steps * self.strength), self.steps)

    def guided(self, family: Family) -> bool:
        """Whether every step takes a second pass without the prompt."""
        return family.guidance_mode == "classifier-free" and self.guidance > 1
