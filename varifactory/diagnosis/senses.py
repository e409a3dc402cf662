"""Class names that the encoder may take in another sense, before anything is generated."""

import numpy as np

from varifactory.diagnosis.population import Population
from varifactory.diagnosis.thresholds import limit


def collisions(population: Population) -> tuple[tuple[str, str, float], ...]:
    """Class name, what its name collides with, and the text margin; the smallest margin first.

    Two kinds. Another sense of the name: the margin is the cosine of the class's mean real image
    with the text of its name, less that with the sense; at or below 0 the encoder puts the real
    images to the other sense. And another class: a sense of the name lies nearer to the text of
    that class than to its own name; the margin is the difference of the two cosines.
    """
    texts = population.class_vectors
    if texts is None:
        return ()
    labels = np.array(population.real.labels)
    found: list[tuple[str, str, float]] = []
    for number, name in enumerate(population.class_names):
        middle = population.real.vectors[labels == name].mean(axis=0, dtype=np.float64)
        middle /= max(1e-12, float(np.linalg.norm(middle)))
        for sense, vector in population.senses.get(name, {}).items():
            found.append((name, sense, float(middle @ texts[number] - middle @ vector)))
            cosines = texts.astype(np.float64) @ vector
            cosines[number], own = -np.inf, float(cosines[number])
            if len(cosines) > 1:
                other = int(cosines.argmax())
                said = f"{sense}, as the class {population.class_names[other]}"
                found.append((name, said, own - float(cosines[other])))
    close = [one for one in found if one[2] <= limit("collision")]
    return tuple(sorted(close, key=lambda one: (one[2], one[0], one[1])))
