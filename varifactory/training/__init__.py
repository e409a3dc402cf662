"""Training: which images an arm holds, which cells a study needs, and how one is trained."""
