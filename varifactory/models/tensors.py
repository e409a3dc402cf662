"""Decoded pictures as tensors: what a training loop of torch is given by a data set."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def picture_tensor(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> "Tensor":
    """An image (h, w, 3) as uint8 (3, h, w); a mask (h, w) as bool (h, w). The memory is shared."""
    import torch

    found = torch.from_numpy(pixels)
    return found.permute(2, 0, 1).contiguous() if found.ndim == 3 else found
