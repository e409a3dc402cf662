"""What sets of embeddings tell of images: pure numbers in, numbers with intervals out.

Nothing here knows images, stores or models. Vectors are (n, width) float32.
"""

from varifactory.metrics.distances import cmmd, fid, kid
from varifactory.metrics.domain import Domain, area, domain_auc
from varifactory.metrics.geometry import Geometry, centroid_shift, geometry, isotropy
from varifactory.metrics.interval import Metric, measured, measured_together
from varifactory.metrics.measure import Measure
from varifactory.metrics.neighbours import Manifold, manifold, radii, realism
from varifactory.metrics.spread import effective_rank, pairwise_distance, variance_along, vendi
from varifactory.metrics.texts import clip_scores, posterior
from varifactory.metrics.vectors import TooFew

__all__ = [
    "Domain", "Geometry", "Manifold", "Measure", "Metric", "TooFew", "area", "centroid_shift",
    "clip_scores", "cmmd", "domain_auc", "effective_rank", "fid", "geometry", "isotropy", "kid",
    "manifold", "measured", "measured_together", "pairwise_distance", "posterior", "radii",
    "realism", "variance_along", "vendi",
]  # fmt: skip
