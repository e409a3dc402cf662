"""Who makes the edits: inpainters over diffusers."""
