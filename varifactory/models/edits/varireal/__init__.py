"""The three edit recipes of "Does Feasibility Matter?" (arXiv 2505.10551), as one inpainter."""
