"""CLIP through open_clip and transformers: embeddings, and LoRA under training."""
