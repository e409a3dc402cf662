"""Who writes the prompts: the catalog, or a language model."""
