"""Trainees beside CLIP with LoRA: a probe on stored embeddings, and plain image classifiers."""
