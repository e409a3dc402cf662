"""Figures of the factory on this machine, each measured by running the real thing."""
