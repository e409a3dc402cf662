"""CLIP with LoRA: our trainee against a plain loop of PEFT on the same weights."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.building import save_clip
from bench.gpu.editing_ways import source
from bench.gpu.measuring import Figures, held, most_held, rounds
from varifactory.models import LoraSettings, Pixels

GOAL = 2.0
TEMPLATE = "a photo of a {class_name}"
TARGETS = r".*vision_model.*(q_proj|v_proj)"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    side: int = 256
    """Of the pictures before they are cut to the tower's size."""
    pictures: int = 512
    classes: int = 100
    batch: int = 128
    steps: int = 20
    repeats: int = 3
    dtype: str = "bfloat16"

    @property
    def seen(self) -> int:
        """Images a pass."""
        return self.batch * self.steps


FULL = Sizes()
TINY = Sizes(side=40, pictures=8, classes=3, batch=4, steps=2, repeats=1, dtype="float32")


def main(figures: Figures, place: Path, sizes: Sizes) -> None:
    """Build, warm up, measure both ways in turn; the text side learns in neither."""
    device, folder = figures.device, place / "clip"
    save_clip(folder, figures.size)
    pictures = [source(number, sizes.side)[0] for number in range(sizes.pictures)]
    before = held(device)
    ways: dict[str, Plain | Ours] = {"plain PEFT loop": Plain(folder, device, sizes, pictures)}
    memory = {"plain PEFT loop": most_held(device, ways["plain PEFT loop"].run, before)}
    before = held(device)
    ways["our trainee"] = Ours(folder, device, sizes, pictures)
    memory["our trainee"] = most_held(device, ways["our trainee"].run, before)
    settings: dict[str, Any] = {
        "batch": sizes.batch,
        "classes": sizes.classes,
        "dtype": sizes.dtype,
    }
    times = rounds(device, sizes.repeats, ways)
    for name, found in times.items():
        figures.show(f"CLIP LoRA, {name}", sizes.seen / found.median, "images/s", sizes.seen,
                     each=found.rates(sizes.seen), **settings)  # fmt: skip
        figures.show(f"CLIP LoRA, {name}: memory", memory[name], "GiB", 1,
                     note="of the card at most, weights included", **settings)  # fmt: skip
    figures.show("CLIP LoRA, our trainee against the plain PEFT loop",
                 times["plain PEFT loop"].median / times["our trainee"].median, "times",
                 sizes.seen, goal=GOAL, note="image side alone learns; pictures are resized once "
                 "in both", **settings)  # fmt: skip


def batches(sizes: Sizes) -> list[list[int]]:
    """Which pictures each step sees."""
    return [
        [(step * sizes.batch + place) % sizes.pictures for place in range(sizes.batch)]
        for step in range(sizes.steps + 1)
    ]


def names(sizes: Sizes) -> list[str]:
    return [f"thing {number}" for number in range(sizes.classes)]


class Plain:
    """What a person would write: transformers' CLIPModel, PEFT, AdamW, texts encoded each step."""

    def __init__(self, folder: Path, device: str, sizes: Sizes, pictures: list[Pixels]) -> None:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

        torch.manual_seed(1)
        clip = CLIPModel.from_pretrained(folder, local_files_only=True)
        self._model: Any = get_peft_model(
            clip, LoraConfig(r=16, lora_alpha=16, target_modules=TARGETS)
        ).to(device)
        self._device, self._sizes = device, sizes
        processor = CLIPImageProcessor.from_pretrained(folder)
        self._pictures = processor(pictures, return_tensors="pt")["pixel_values"]
        texts = [TEMPLATE.format(class_name=name) for name in names(sizes)]
        self._texts = CLIPTokenizer.from_pretrained(folder)(
            texts, padding="max_length", return_tensors="pt"
        ).to(device)
        learning = [each for each in self._model.parameters() if each.requires_grad]
        self._optimizer = torch.optim.AdamW(learning, lr=1e-4)
        numbers = getattr(torch, sizes.dtype)
        self._numbers: Any = lambda: (
            nullcontext() if sizes.dtype == "float32" else torch.autocast(device, dtype=numbers)
        )

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> None:
        """All steps."""
        import torch
        import torch.nn.functional as F

        self._model.train()
        for chosen in batches(self._sizes)[:-1]:
            pictures = self._pictures[chosen]
            flipped = torch.rand(len(chosen)) < 0.5
            pictures[flipped] = pictures[flipped].flip(-1)
            labels = torch.tensor([at % self._sizes.classes for at in chosen]).to(self._device)
            with self._numbers():
                logits = self._model(
                    **self._texts, pixel_values=pictures.to(self._device)
                ).logits_per_image
                loss = F.cross_entropy(logits, labels)
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            self._optimizer.step()
            loss.item()


class Ours:
    """The trainee as the training stage drives it, with its speed settings."""

    def __init__(self, folder: Path, device: str, sizes: Sizes, pictures: list[Pixels]) -> None:
        from varifactory.models.clip.bases import find_base
        from varifactory.models.clip.classifier import Ways
        from varifactory.models.clip.lora import LoraClip

        self._sizes, self._pictures = sizes, pictures
        self._trainee = LoraClip(
            find_base(str(folder)), TEMPLATE, encoders="image",
            ways=Ways(
                device=device, precision=sizes.dtype,
                compiler="inductor" if device == "cuda" else "",
            ),
        )  # fmt: skip
        self._trainee.begin(
            LoraSettings(
                rank=16, alpha=16.0, dropout=0.0, learning_rate=1e-4, weight_decay=0.01,
                steps=10_000, warmup_share=0.1, augmentation="flip", seed=1,
            ),
            names(sizes),
        )  # fmt: skip

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> None:
        """All steps."""
        plan = [[self._pictures[at] for at in chosen] for chosen in batches(self._sizes)]
        share = [1 / self._sizes.batch] * self._sizes.batch
        for step, chosen in enumerate(batches(self._sizes)[:-1]):
            labels = [at % self._sizes.classes for at in chosen]
            self._trainee.step(plan[step], labels, share, plan[step + 1])
