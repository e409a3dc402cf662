"""What sets of embeddings tell of images: pure numbers in, numbers with intervals out.

Nothing here knows images, stores or models. Vectors are (n, width) float32.
"""

from varifactory.metrics.measure import Measure

__all__ = ["Measure"]
