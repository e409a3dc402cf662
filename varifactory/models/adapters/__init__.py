"""LoRA of the generator on a few real shots, before it generates."""

from varifactory.models.adapters.placing import put, take_off

__all__ = ["put", "take_off"]
