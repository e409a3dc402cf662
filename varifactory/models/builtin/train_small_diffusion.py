"""Train the small inpainting: ``python -m varifactory.models.builtin.train_small_diffusion``.

An autoencoder on crops of drawn scenes, then a 9-channel UNet with its text encoder on the latents,
all on the pretraining classes; measured on scenes of the study's classes, which it never saw.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from varifactory.catalog import load_catalog
from varifactory.models import Pixels
from varifactory.models.builtin.cards import write_card
from varifactory.models.builtin.inpainting_lessons import Lesson, lessons
from varifactory.models.builtin.inpainting_parts import (
    TEXT_WIDTH,
    new_scheduler,
    new_text_encoder,
    new_tokenizer,
    new_unet,
    new_vae,
)
from varifactory.models.builtin.inpainting_score import held_out_error
from varifactory.models.edits.diffusion import BUILT_IN, SIDE
from varifactory.world import ATTRIBUTES, load_world

VAE_BATCH, CROP, VAE_RATE = 8, 32, 2e-3
UNET_BATCH, UNET_RATE = 16, 1e-3
WORDS_BATCH, WORDS_STEPS, WORDS_RATE, NAMES_A_VALUE = 64, 400, 2e-3, 80
DROPPED_PROMPTS = 0.1
"""Share of training prompts left empty, for classifier-free guidance (Ho and Salimans 2022)."""
LATENT_NOISE = 0.05
"""Noise that the decoder must bear, standard deviation: sampled latents are never exact."""
SEEN_WEIGHT = 0.1
"""Weight of the latents outside the region in the loss: the UNet is given them."""


def main() -> None:
    """Train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000, help="training pictures")
    parser.add_argument("--vae-steps", type=int, default=2500)
    parser.add_argument("--unet-steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--out", type=Path, default=BUILT_IN)
    parser.add_argument("--held-out", type=int, default=48, help="pictures to measure on")
    parser.add_argument("--measure", action="store_true", help="only measure what is in --out")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if arguments.measure:
        print(json.dumps(figures_of(arguments.out, arguments.held_out)))
    else:
        train_and_save(arguments)


def train_and_save(arguments: argparse.Namespace) -> None:
    """All parts in half precision, with their card."""
    import torch

    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    began = time.process_time()
    data = lessons(load_world().pretraining_classes, arguments.images, 3_000_000)
    vae = trained_vae(data, arguments.vae_steps, rng)
    torch.manual_seed(arguments.seed + 1)
    rng = np.random.default_rng(arguments.seed + 1)  # so that either part can be tried alone
    save(trained_parts(vae, data, arguments.unet_steps, rng, arguments.out), arguments.out)
    seconds = round(time.process_time() - began)
    figures = figures_of(arguments.out, arguments.held_out)
    write_card(
        arguments.out, name="small-diffusion",
        script="varifactory.models.builtin.train_small_diffusion",
        figures=figures,
        trained_with={"images": len(data), "vae_steps": arguments.vae_steps,
                      "unet_steps": arguments.unet_steps, "seed": arguments.seed,
                      "cpu_seconds": seconds},
    )  # fmt: skip
    print(json.dumps(figures))


def figures_of(folder: Path, count: int) -> dict[str, float]:
    """Measured on scenes of the study's classes."""
    held_out = lessons(load_world().study_classes, count, 4_000_000)
    return held_out_error(folder, [(each.image, each.region, each.prompts[0]) for each in held_out])


def as_tensor(images: list[Pixels]) -> Any:
    """(n, 3, h, w) in -1 to 1."""
    import torch

    stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return stack / 127.5 - 1


def trained_vae(data: list[Lesson], steps: int, rng: np.random.Generator) -> Any:
    """On crops: the autoencoder is convolutional, and a crop costs a ninth of a picture."""
    import torch

    vae = new_vae().train()
    optimiser = torch.optim.AdamW(vae.parameters(), lr=VAE_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, VAE_RATE, steps, pct_start=0.1)
    for step in range(steps):
        crops = []
        for number in rng.integers(0, len(data), VAE_BATCH):
            top, left = rng.integers(0, SIDE - CROP + 1, 2)
            crops.append(data[number].image[top : top + CROP, left : left + CROP])
        loss = vae_loss(vae, as_tensor(crops))
        take(optimiser, schedule, loss, vae)
        if step % 100 == 0:
            print(f"vae {step}/{steps} loss {loss.item():.4f}", flush=True)
    return vae.eval().requires_grad_(False)


def vae_loss(vae: Any, pixels: Any) -> Any:
    """Difference of pixels and of their steps; three latent channels held to the patch's colour.

    Colours are then there from the first step on, and the UNet finds them in a plain form. The
    fourth channel, free for detail, is held to the others' scale.
    """
    import torch

    latent = vae.encode(pixels).latents
    again = vae.decode(latent + LATENT_NOISE * torch.randn_like(latent)).sample
    seen = (again - pixels).abs().mean() + 0.5 * edges(again, pixels)
    held = (latent[:, :3] - patch_colours(pixels)).abs().mean()
    free = latent[:, 3]
    return seen + 0.3 * held + 0.1 * ((free.std() - 1).square() + free.mean().square())


def patch_colours(pixels: Any) -> Any:
    """Brightness, red-green and blue-yellow of 4 x 4 patches, each of about unit variance."""
    import torch

    red, green, blue = torch.nn.functional.avg_pool2d(pixels, 4).unbind(1)
    bright, warm = (red + green + blue) / 3, (red + green) / 2
    return torch.stack([bright / 0.45, (red - green) / 0.35, (blue - warm) / 0.4], 1)


def edges(one: Any, other: Any) -> Any:
    """Mean absolute difference of horizontal and vertical steps: keeps textures sharp."""
    across = (one.diff(dim=3) - other.diff(dim=3)).abs().mean()
    return across + (one.diff(dim=2) - other.diff(dim=2)).abs().mean()


def take(optimiser: Any, schedule: Any, loss: Any, *models: Any) -> None:
    """One optimiser step with clipped gradients."""
    import torch

    optimiser.zero_grad()
    loss.backward()
    for model in models:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    schedule.step()


def trained_parts(
    vae: Any, data: list[Lesson], steps: int, rng: np.random.Generator, folder: Path
) -> dict[str, Any]:
    """All parts of the pipeline; the tokenizer's files are written on the way."""
    prompts = sorted({prompt for lesson in data for prompt in lesson.prompts})
    tokenizer = new_tokenizer(prompts, folder / "tokenizer")
    parts = {
        "vae": vae,
        "unet": new_unet().train(),
        "text_encoder": trained_words(tokenizer, rng),
        "tokenizer": tokenizer,
        "scheduler": new_scheduler(),
    }
    train_unet(parts, data, prompts, steps, rng)
    return parts


def trained_words(tokenizer: Any, rng: np.random.Generator) -> Any:
    """A text encoder that can tell every value of the catalog from its prompts.

    Every token from the end of the text on tells it, so that the UNet's attention finds it before
    it has learned where to look. Learning words through the UNet alone took over 20,000 pictures.
    """
    import torch

    prompts, values = value_prompts(rng)
    tokens = tokenizer(prompts, padding="max_length", return_tensors="pt", truncation=True)
    truth = torch.as_tensor(values)
    encoder = new_text_encoder(len(tokenizer)).train()
    head = torch.nn.Linear(TEXT_WIDTH, int(truth.max()) + 1)
    weights = [*encoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=WORDS_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, WORDS_RATE, WORDS_STEPS)
    for step in range(WORDS_STEPS):
        chosen = torch.from_numpy(rng.integers(0, len(prompts), WORDS_BATCH))
        ids = tokens.input_ids[chosen]
        ended = (ids == tokenizer.eos_token_id).float()
        guess = head(encoder(ids)[0]).log_softmax(-1)
        right = guess.gather(-1, truth[chosen][:, None, None].expand(-1, ids.shape[1], 1))[..., 0]
        loss = -(right * ended).sum() / ended.sum()
        take(optimiser, schedule, loss, encoder, head)
        if step % 100 == 0:
            print(f"words {step}/{WORDS_STEPS} loss {loss.item():.4f}", flush=True)
    return encoder


def value_prompts(rng: np.random.Generator) -> tuple[list[str], list[int]]:
    """Prompts of every value, with the number of the value; half of the class names are invented.

    A name the encoder never met must not hide the value.
    """
    known = load_world().pretraining_classes
    letters = list("abcdefghijklmnopqrstuvwxyz")
    prompts: list[str] = []
    numbers: list[int] = []
    attributes = [load_catalog().attribute(name) for name in ATTRIBUTES]
    phrases = [(each, value.phrase) for each in attributes for value in each.values.values()]
    for number, (attribute, phrase) in enumerate(phrases):
        for index in range(NAMES_A_VALUE):
            invented = "".join(rng.choice(letters, rng.integers(3, 10)))
            name = known[index % len(known)] if index % 2 else invented
            prompts.append(
                attribute.render(int(rng.integers(len(attribute.templates))), name, phrase)
            )
            numbers.append(number)
    return prompts, numbers


def train_unet(
    parts: dict[str, Any], data: list[Lesson], prompts: list[str], steps: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """v-prediction on noised latents; the averaged weights are kept."""
    import torch
    from diffusers.training_utils import EMAModel

    latents = encoded(parts["vae"], data)
    number_of = {prompt: number for number, prompt in enumerate(prompts)}
    said = [[number_of[prompt] for prompt in lesson.prompts] for lesson in data]
    tokens = parts["tokenizer"](
        [*prompts, ""], padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    parts["unet"].to(memory_format=torch.channels_last)  # a sixth faster than the default
    weights = [*parts["unet"].parameters(), *parts["text_encoder"].parameters()]
    optimiser = torch.optim.AdamW(weights, lr=UNET_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, UNET_RATE, steps, pct_start=0.05)
    average = EMAModel(weights, decay=0.998, use_ema_warmup=True, power=0.75)
    for step in range(steps):
        chosen = rng.integers(0, len(data), UNET_BATCH)
        spoken = [rng.choice(said[number]) for number in chosen]
        words = np.where(rng.random(UNET_BATCH) < DROPPED_PROMPTS, len(prompts), spoken)
        loss = unet_loss(parts, [part[chosen] for part in latents], tokens[words])
        take(optimiser, schedule, loss, parts["unet"], parts["text_encoder"])
        average.step(weights)
        if step % 100 == 0:
            print(f"unet {step}/{steps} loss {loss.item():.4f}", flush=True)
    average.copy_to(weights)
    parts["unet"].to(memory_format=torch.contiguous_format)


def encoded(vae: Any, data: list[Lesson]) -> tuple[Any, Any, Any]:
    """Latents of pictures, of masked pictures, and regions at latent size, as the pipeline does."""
    import torch

    whole, masked, regions = [], [], []
    with torch.no_grad():
        for start in range(0, len(data), 16):
            batch = data[start : start + 16]
            pixels = as_tensor([lesson.image for lesson in batch])
            region = torch.from_numpy(np.stack([lesson.region for lesson in batch]))[:, None]
            whole.append(vae.encode(pixels).latents)
            masked.append(vae.encode(pixels * ~region).latents)
            regions.append(
                torch.nn.functional.interpolate(region.float(), size=whole[-1].shape[-2:])
            )
    return torch.cat(whole), torch.cat(masked), torch.cat(regions)


def unet_loss(parts: dict[str, Any], latents: list[Any], words: Any) -> Any:
    """Squared error of v (Salimans and Ho 2022), mostly of the region."""
    import torch

    whole, masked, region = latents
    noise = torch.randn_like(whole)
    times = torch.randint(0, 1000, (len(whole),))
    scheduler = parts["scheduler"]
    noisy = scheduler.add_noise(whole, noise, times)
    said = parts["text_encoder"](words)[0]
    guess = parts["unet"](torch.cat([noisy, region, masked], 1), times, said).sample
    weight = SEEN_WEIGHT + (1 - SEEN_WEIGHT) * region
    error = (guess - scheduler.get_velocity(whole, noise, times)).square() * weight
    return error.mean() / weight.mean()


def save(parts: dict[str, Any], folder: Path) -> None:
    """In diffusers' own format, half precision."""
    from diffusers import StableDiffusionInpaintPipeline

    for name in ("vae", "unet", "text_encoder"):
        parts[name] = parts[name].eval().half()
    pipeline = StableDiffusionInpaintPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.save_pretrained(folder, safe_serialization=True)


if __name__ == "__main__":
    main()
