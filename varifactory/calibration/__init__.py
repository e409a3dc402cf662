"""Checking a filter against people: a sample, a sheet to fill, and what the labels say."""
