"""What is computed once: bounded, exact, and drawn from anew by every edit."""

import pytest

from varifactory.models.edits.families import families
from varifactory.models.edits.prompting import Prompts
from varifactory.models.edits.remembering import EncodedOnce, Remembered
from varifactory.models.edits.settings import Asked


def test_the_longest_unused_makes_room() -> None:
    held: Remembered[str] = Remembered(limit=10)
    for key in "abc":
        held.keep(key, key.upper(), 4)
    assert [held.get(key) for key in "abc"] == [None, "B", "C"]
    held.get("b")
    held.keep("d", "D", 4)
    assert [held.get(key) for key in "bcd"] == ["B", None, "D"]
    held.keep("large", "L", 99)
    assert [held.get(key) for key in ("b", "d", "large")] == [None, None, "L"]
    assert held.made == 5


@pytest.fixture(scope="module")
def autoencoder(build):
    with build("sd15")._resident.use() as loaded:
        return loaded.pipeline.vae, loaded.sources._encode


def test_equal_images_are_encoded_once_and_to_the_same_bits(autoencoder) -> None:
    import torch

    calls = []

    def encode(image):
        calls.append(tuple(image.shape))
        return autoencoder[1](image)

    once = EncodedOnce(encode, 2**20)
    with torch.no_grad():
        images = torch.rand(2, 3, 32, 32)
        images = torch.cat([images, images[:1]])
        first, again = once(images), once(images.clone())
        exact = [autoencoder[1](images[n : n + 1]).latent_dist.parameters for n in range(3)]
    assert calls == [(1, 3, 32, 32)] * 2
    assert first.latent_dist.parameters.equal(torch.cat(exact))
    assert again.latent_dist.parameters.equal(first.latent_dist.parameters)
    assert once(images, return_dict=False)[0].parameters.shape == first.latent_dist.parameters.shape


def test_every_edit_draws_its_own_latents(autoencoder) -> None:
    import torch

    once = EncodedOnce(autoencoder[1], 2**20)
    with torch.no_grad():
        image = torch.rand(1, 3, 32, 32)
        drawn = [
            once(image).latent_dist.sample(torch.Generator().manual_seed(n)) for n in (1, 2, 1)
        ]
    assert not drawn[0].equal(drawn[1])
    assert drawn[0].equal(drawn[2])


def test_an_image_of_other_numbers_or_type_is_another_image(autoencoder) -> None:
    import torch

    seen = []
    once = EncodedOnce(lambda image: seen.append(image) or autoencoder[1](image.float()), 2**20)
    with torch.no_grad():
        image = torch.rand(1, 3, 32, 32)
        near = image.clone()
        near[0, 0, 0, 0] += 1e-6
        for each in (image, near, image.double(), image[:, :, :16].contiguous()):
            once(each)
    assert len(seen) == 4


def test_an_autoencoder_without_a_distribution_is_remembered_too() -> None:
    import torch
    from diffusers import AutoencoderTiny

    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), upsampling_scaling_factor=2,
    )  # fmt: skip
    once = EncodedOnce(tiny.encode, 2**20)
    with torch.no_grad():
        images = torch.rand(3, 3, 16, 16)
        found = once(images).latents
        assert found.shape[0] == 3
        assert found[1:2].equal(tiny.encode(images[1:2]).latents)


def test_a_prompt_is_encoded_anew_for_other_words_settings_and_adapters(build) -> None:
    family = families()["sdxl"]
    with build("sdxl")._resident.use() as loaded:
        prompts = Prompts(loaded.pipeline, family, 4)
    plain = Asked(2, 1.0, 2.0, "")
    for asked, adapter, made in (
        (plain, "", 1),
        (Asked(9, 0.5, 3.0, ""), "", 1),  # neither steps nor strength reach the encoder
        (Asked(2, 1.0, 2.0, "dull"), "", 2),
        (Asked(2, 1.0, 1.0, ""), "", 3),
        (plain, "a" * 64, 4),
    ):
        prompts.embeddings(["a cat", "a cat"], asked, adapter)
        assert prompts.remembered.made == made
    unguided = prompts.embeddings(["a cat"], Asked(2, 1.0, 1.0, ""), "")
    assert set(unguided) == {"prompt_embeds", "pooled_prompt_embeds"}


def test_an_embedding_is_the_same_whatever_is_encoded_beside_it(build) -> None:
    for name in ("sdxl", "qwen-image"):
        with build(name)._resident.use() as loaded:
            alone = Prompts(loaded.pipeline, families()[name], 4)
            beside = Prompts(loaded.pipeline, families()[name], 4)
        asked = Asked(2, 1.0, 2.0, "")
        words = ["a red cat", "a much longer prompt of a cat", "x"]
        first = alone.embeddings(words[:1], asked, "")
        second = beside.embeddings(words[::-1], asked, "")
        for argument, tensor in first.items():
            assert tensor[0].equal(second[argument][2]), (name, argument)
