"""Figures of the factory on this machine, each measured by running the real thing."""

import sys
from pathlib import Path
from types import ModuleType

# Groups draw pieces from the folder ``tests``; torch-fidelity 0.4, which metrics are held against,
# installs a package of that name, which would hide it.
_pieces = ModuleType("tests")
_pieces.__path__ = [str(Path(__file__).parents[1] / "tests")]
sys.modules.setdefault("tests", _pieces)
