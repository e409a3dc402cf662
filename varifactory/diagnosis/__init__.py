"""What is wrong with a synthetic set: four issues an attribute and a class, with the evidence.

The taxonomy is that of Marwood, Baluja and Alon, "Diversity and Diffusion" (2023): ambiguity,
adherence, lack of diversity, concept not represented. The measures are our own choice.
"""
