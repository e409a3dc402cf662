"""The figures of a study, counted from stored per-image predictions."""
