"""How one shard of a stage is made: one Prefect task a stage over the library's pure functions."""
