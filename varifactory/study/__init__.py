"""The figures of a study, counted from stored per-image predictions."""

from varifactory.study.single import (
    ArmFigures,
    Difference,
    MaskFigures,
    StudyFigures,
    StudyTables,
    study_figures,
)

__all__ = [
    "ArmFigures", "Difference", "MaskFigures", "StudyFigures", "StudyTables", "study_figures",
]  # fmt: skip
