"""How many synthetic images one real image is worth, for this data: the exchange rate.

After "Exploring the Equivalence of Closed-Set Generative and Real Data Augmentation" (2025): a rate
is told at a stated real gain, with its interval, or said not to be reached.
"""
