"""What a check of a store looked at and found."""

from collections import Counter

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One thing that is not as it was written."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """part damaged, blob lost, blob corrupt, manifest unreadable, data set damaged, study
    unreadable, study damaged."""
    where: str
    detail: str
    healed: bool = False
    """True where the next run makes it again; a published version is only told."""


class VerifyReport(BaseModel):
    """What was looked at, how much, and what was found."""

    model_config = ConfigDict(frozen=True)

    checked: dict[str, int]
    findings: tuple[Finding, ...]
    swept: int

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def counts(self) -> dict[str, int]:
        """Findings by kind."""
        return dict(Counter(finding.kind for finding in self.findings))
