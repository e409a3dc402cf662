"""Runs, seen from the store: what one will find and make, has left, has saved, can make again."""
