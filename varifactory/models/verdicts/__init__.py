"""Who judges beside the built-in measure: CLIP, and vision-language models."""
