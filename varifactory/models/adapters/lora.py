"""LoRA layers of a pipeline under training, and their weights in diffusers' own format."""

import math
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError

if TYPE_CHECKING:
    import torch

NAME = "under-training"
UNET = ("to_q", "to_k", "to_v", "to_out.0", "add_k_proj", "add_v_proj")
"""All projections of the UNet's attentions, as DataDream adapts them."""
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
ENCODERS = ("text_encoder", "text_encoder_2")


def add_layers(
    pipeline: Any, rank: int, alpha: float, *, text_encoder: bool, random: "torch.Generator"
) -> list["torch.nn.Parameter"]:
    """Put fresh layers on the UNet and, if wanted, the text encoders; their float32 weights.

    Raises:
        ModelError: the UNet has no attention to adapt, or an adapter is on it already.
    """
    import torch
    from peft import LoraConfig

    if pipeline.get_list_adapters():
        raise ModelError(
            f"the generator already carries adapters ({pipeline.get_list_adapters()}): tune the "
            "plain checkpoint"
        )
    models = adapted(pipeline, text_encoder=text_encoder)
    for name, model in models.items():
        targets = list(UNET if name == "unet" else TEXT)
        model.requires_grad_(False)
        unread = _unread(pipeline) if name == ENCODERS[0] else None
        config = LoraConfig(
            r=rank, lora_alpha=alpha, target_modules=targets, exclude_modules=unread
        )
        try:
            model.add_adapter(config, adapter_name=NAME)
        except ValueError as error:
            raise ModelError(
                f"the generator's {name} has no attention to adapt ({str(error)[:200]}): set "
                "adaptation.scope=none"
            ) from None
        _seeded(model, random)
    weights = [each for model in models.values() for each in model.parameters()
               if each.requires_grad]  # fmt: skip
    for each in weights:
        # A step of training is too small for half precision; PEFT casts the layers' output back.
        each.data = each.data.to(torch.float32)
    return weights


def _seeded(model: Any, random: "torch.Generator") -> None:
    """First matrices anew from ``random``, on the CPU; the second are zero, so nothing changes yet.

    PEFT draws from torch's global state, which threads share.
    """
    import torch

    for name, each in model.named_parameters():
        if each.requires_grad and "lora_A" in name:
            fresh = torch.empty(each.shape, dtype=torch.float32)
            torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=random)
            each.data.copy_(fresh)


def _unread(pipeline: Any) -> str | None:
    """Layers whose output nothing reads: SDXL takes its first encoder's last state but one."""
    if getattr(pipeline, ENCODERS[1], None) is None:
        return None
    last = getattr(pipeline, ENCODERS[0]).config.num_hidden_layers - 1
    return rf".*\blayers\.{last}\..*"


def adapted(pipeline: Any, *, text_encoder: bool) -> dict[str, Any]:
    """Name -> the models of a pipeline that are adapted."""
    names = ("unet", *(ENCODERS if text_encoder else ()))
    found = {name: getattr(pipeline, name, None) for name in names}
    return {name: model for name, model in found.items() if model is not None}


def take_layers_off(pipeline: Any) -> None:
    """The pipeline as it was."""
    pipeline.unload_lora_weights()


def state(pipeline: Any, scale: float, *, text_encoder: bool) -> dict[str, "torch.Tensor"]:
    """The weights under diffusers' names.

    ``scale`` (alpha over rank) is multiplied into the second matrix: a loader that finds no alpha
    takes 1, and further metadata would be written in an order that changes by itself.
    """
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import get_peft_model_state_dict

    found = {}
    for name, model in adapted(pipeline, text_encoder=text_encoder).items():
        tensors = get_peft_model_state_dict(model, adapter_name=NAME)
        for key, tensor in convert_state_dict_to_diffusers(tensors).items():
            second = ".up." in key
            found[f"{name}.{key}"] = tensor.detach().float() * (scale if second else 1.0)
    return found
