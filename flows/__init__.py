"""In what order shards are made: Prefect flows, each a page to read aloud. Run from the root."""
