"""LoRA of the generator on a few real shots, before it generates."""
