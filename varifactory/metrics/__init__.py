"""What sets of embeddings tell of images: pure numbers in, numbers with intervals out.

Nothing here knows images, stores or models. Vectors are (n, width) float32.
"""

from varifactory.metrics.distances import cmmd, fid, kid
from varifactory.metrics.domain import FOLDS, Domain, area, domain_auc
from varifactory.metrics.geometry import centroid_shift, cone, isotropy, modality_gap
from varifactory.metrics.interval import measured_together
from varifactory.metrics.measure import Measure
from varifactory.metrics.neighbours import (
    REALISM_NEIGHBOURS,
    Manifold,
    manifold,
    radii,
    realism,
)
from varifactory.metrics.spread import effective_rank, pairwise_distance, variance_along, vendi
from varifactory.metrics.texts import clip_scores, posterior
from varifactory.metrics.vectors import TooFew

__all__ = [
    "FOLDS", "REALISM_NEIGHBOURS", "Domain", "Manifold", "Measure", "TooFew", "area",
    "centroid_shift", "clip_scores", "cmmd", "cone", "domain_auc", "effective_rank", "fid",
    "isotropy", "kid", "manifold", "measured_together", "modality_gap", "pairwise_distance",
    "posterior", "radii", "realism", "variance_along", "vendi",
]  # fmt: skip
