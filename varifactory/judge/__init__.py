"""The built-in judge: attributes measured from pixels, classes by likeness to real images."""

from varifactory.judge.measured import MeasuredJudge
from varifactory.judge.prototypes import Prototypes
from varifactory.judge.references import References, load_references

__all__ = ["MeasuredJudge", "Prototypes", "References", "load_references"]
