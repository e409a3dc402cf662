"""Verdicts: what a judge sees in an edit, and what follows from it.

Two steps, kept apart. **Judging** gives a judge the pixels, the object's mask and the attribute's
entry, and keeps its scores as they are; it is keyed by exactly what the judge saw. **Deciding**
compares the stored scores with what was asked for and with the thresholds of a recipe; it costs no
model call, so that another threshold only decides again. What people say outranks both.
"""
