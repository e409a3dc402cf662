"""Attention of open_clip in four Linear layers, so that LoRA can take hold of q and v alone.

PEFT wraps ``nn.MultiheadAttention`` as a whole: it then adds the delta of ``out_proj`` twice,
ignores dropout and cannot choose q and v (seen with peft 0.21). On plain Linear layers none of
that happens.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

PARTS = ("q_proj", "k_proj", "v_proj")
"""Order of the thirds of ``in_proj_weight``."""


@cache
def split_attention_class() -> type["nn.Module"]:
    """The module that stands in for ``nn.MultiheadAttention``; a function, to import torch late."""
    import torch.nn.functional as F
    from torch import nn

    class SplitAttention(nn.Module):
        """Self-attention with the same numbers as the stock module it was made from."""

        def __init__(self, stock: nn.MultiheadAttention) -> None:
            super().__init__()
            self.heads, self.batch_first, self.dropout = (
                stock.num_heads, stock.batch_first, stock.dropout)  # fmt: skip
            weights = stock.in_proj_weight.detach().chunk(3)
            biases = (None,) * 3 if stock.in_proj_bias is None else stock.in_proj_bias.chunk(3)
            for part, weight, bias in zip(PARTS, weights, biases, strict=True):
                setattr(self, part, _linear(weight, bias))
            self.out_proj = _linear(stock.out_proj.weight, stock.out_proj.bias)

        def forward(
            self, query: Any, key: Any, value: Any, need_weights: bool = False,
            attn_mask: Any = None, **unsupported: Any,
        ) -> tuple[Any, None]:  # fmt: skip
            if need_weights or any(given is not None for given in unsupported.values()):
                raise ModelError(
                    "split attention gives no attention weights and takes no further masks; "
                    f"asked for need_weights={need_weights}, {sorted(unsupported)}"
                )
            if not self.batch_first:
                query, key, value = (each.transpose(0, 1) for each in (query, key, value))
            q, k, v = (
                getattr(self, part)(each).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                for part, each in zip(PARTS, (query, key, value), strict=True)
            )
            mixed = F.scaled_dot_product_attention(
                q, k, v, attn_mask=attn_mask, dropout_p=self.dropout if self.training else 0.0
            )
            out = self.out_proj(mixed.transpose(1, 2).flatten(2))
            return (out if self.batch_first else out.transpose(0, 1)), None

    def _linear(weight: Any, bias: Any) -> nn.Linear:
        layer = nn.Linear(
            weight.shape[1], weight.shape[0], bias=bias is not None,
            device=weight.device, dtype=weight.dtype,
        )  # fmt: skip
        layer.weight.data.copy_(weight.data)
        if bias is not None:
            layer.bias.data.copy_(bias.data)
        return layer

    return SplitAttention


def split_attention(model: "nn.Module") -> int:
    """Replace every stock attention of ``model`` in place; returns how many there were.

    Raises:
        ModelError: there is none, or one has keys and values of another width (cross-attention).
    """
    from torch import nn

    made = split_attention_class()
    found = [
        name for name, part in model.named_modules() if isinstance(part, nn.MultiheadAttention)
    ]
    for name in found:
        holder_name, _, attribute = name.rpartition(".")
        holder = model.get_submodule(holder_name)
        stock = getattr(holder, attribute)
        if stock.in_proj_weight is None or stock.bias_k is not None or stock.add_zero_attn:
            raise ModelError(f"attention {name!r} is not plain self-attention and cannot be split")
        setattr(holder, attribute, made(stock))
    if not found:
        raise ModelError(
            f"{type(model).__name__} has no nn.MultiheadAttention: LoRA here needs the native "
            "transformer towers of open_clip"
        )
    return len(found)


def stock_state(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """A split model's state dict under the names stock open_clip uses: q, k, v joined again."""
    import torch

    joined: dict[str, Tensor] = {}
    for name, value in state.items():
        holder, _, kind = name.rpartition(".")
        owner, _, part = holder.rpartition(".")
        if part == PARTS[0]:
            thirds = [state[f"{owner}.{each}.{kind}"] for each in PARTS]
            joined[f"{owner}.in_proj_{kind}"] = torch.cat(thirds)
        elif part not in PARTS:
            joined[name] = value
    return joined


def split_state(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The inverse of ``stock_state``: every joined q, k, v apart; a split state stays as it is."""
    apart: dict[str, Tensor] = {}
    for name, value in state.items():
        owner, joined, kind = name.partition(".in_proj_")
        if joined:
            thirds = zip(PARTS, value.chunk(3), strict=True)
            apart |= {f"{owner}.{part}.{kind}": third for part, third in thirds}
        else:
            apart[name] = value
    return apart
