"""Vision-language checkpoints as their libraries save them, a few thousand weights each."""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 4096, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip

TOWER = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip


def template(picture: str, answer: str) -> str:
    """A chat template that puts ``picture`` where a picture stands."""
    return (
        "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
        "{% if c['type'] == 'image' %}" + picture + "{% else %}{{ c['text'] }}{% endif %}"
        "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}" + answer + "{% endif %}"
    )


def tokenizer(*marks: str) -> tuple[Any, dict[str, int]]:
    """Bytes as tokens, and the marks as special ones."""
    special = ["<pad>", "<s>", "</s>", *marks]
    vocabulary = {sign: number for number, sign in enumerate([*special, *LETTERS])}
    words = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=list(marks),
    )  # fmt: skip
    return fast, vocabulary


def llava(folder: Path) -> Path:
    """LLaVA: a CLIP tower, a projector, a Llama."""
    words, vocabulary = tokenizer("<image>")
    vision = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=32,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=transformers.LlamaConfig(vocab_size=len(vocabulary), **TEXT),
        image_token_index=vocabulary["<image>"],
        image_seq_length=16,
    )
    pictures = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    processor = transformers.LlavaProcessor(
        pictures, words, patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template("<image>", "assistant:"),
    )  # fmt: skip
    return _saved(folder, transformers.LlavaForConditionalGeneration(config), processor)


def qwen(folder: Path) -> Path:
    """Qwen2-VL: a tower for pictures of any size, positions in three dimensions."""
    marks = {"start": "<|vision_start|>", "end": "<|vision_end|>", "image": "<|image_pad|>",
             "video": "<|video_pad|>"}  # fmt: skip
    words, vocabulary = tokenizer(*marks.values())
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
    config = transformers.Qwen2VLConfig(
        text_config={"vocab_size": len(vocabulary), "rope_parameters": rope, **TEXT},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2,
                       "mlp_ratio": 2, "patch_size": 14},
        image_token_id=vocabulary[marks["image"]],
        video_token_id=vocabulary[marks["video"]],
        vision_start_token_id=vocabulary[marks["start"]],
        vision_end_token_id=vocabulary[marks["end"]],
    )  # fmt: skip
    processor = transformers.Qwen2VLProcessor(
        transformers.Qwen2VLImageProcessor(), words, transformers.Qwen2VLVideoProcessor(),
        chat_template=template(marks["start"] + marks["image"] + marks["end"], "assistant: "),
    )  # fmt: skip
    return _saved(folder, transformers.Qwen2VLForConditionalGeneration(config), processor)


def idefics3(folder: Path) -> Path:
    """Idefics3, as SmolVLM: a picture is cut into tiles that stand among the words."""
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    words, vocabulary = tokenizer(
        "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *tiles
    )
    config = transformers.Idefics3Config(
        vision_config=TOWER,
        text_config={"model_type": "llama", "vocab_size": len(vocabulary), **TEXT},
        image_token_id=vocabulary["<image>"],
        scale_factor=2,
        pad_token_id=0,
    )
    pictures = transformers.Idefics3ImageProcessor(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}
    )
    processor = transformers.Idefics3Processor(
        pictures, words, image_seq_len=4, chat_template=template("<image>", "Assistant:")
    )
    return _saved(folder, transformers.Idefics3ForConditionalGeneration(config), processor)


def gemma3(folder: Path) -> Path:
    """Gemma 3: tokens of two kinds, those of a picture see each other."""
    marks = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>",
             "eoi_token": "<end_of_image>"}  # fmt: skip
    plain, vocabulary = tokenizer(*marks.values())
    words = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain.backend_tokenizer, pad_token="<pad>", bos_token="<s>",
        eos_token="</s>", extra_special_tokens=marks,
    )  # fmt: skip
    text = {"vocab_size": len(vocabulary), "head_dim": 16, "sliding_window": 64, **TEXT}
    config = transformers.Gemma3Config(
        text_config=text, vision_config=TOWER, mm_tokens_per_image=4,
        image_token_index=vocabulary[marks["image_token"]],
        boi_token_index=vocabulary[marks["boi_token"]],
        eoi_token_index=vocabulary[marks["eoi_token"]],
    )  # fmt: skip
    pictures = transformers.Gemma3ImageProcessor(size={"height": 32, "width": 32})
    processor = transformers.Gemma3Processor(
        pictures, words, image_seq_length=4,
        chat_template=template(marks["boi_token"], "model\\n"),
    )  # fmt: skip
    return _saved(folder, transformers.Gemma3ForConditionalGeneration(config), processor)


def _saved(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
