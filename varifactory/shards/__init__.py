"""Shards: how the missing items of a stage are cut, made and kept.

Three units of work that are never fused: what is **written** is a batch (a killed worker loses at
most one), what is **scheduled** is a shard, what is **reported** is a stage.
"""
