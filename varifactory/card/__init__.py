"""The card of a data set, for people and for programs, written beside its version."""
