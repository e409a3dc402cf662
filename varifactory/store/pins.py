"""Pins: what people want to be kept, by a name of its own, with who said so and why."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from varifactory.store import names
from varifactory.store.errors import StoreError, StoreMissing, VersionTaken
from varifactory.store.studied import Studied

_LIMIT = 2**20
"""Bytes; a pin names a few things."""
_Text = Annotated[str, Field(max_length=1000)]


class Pin(BaseModel):
    """What garbage collection keeps because a person said so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    who: _Text
    when: AwareDatetime
    note: _Text = ""
    specs: tuple[str, ...] = Field((), max_length=1000)
    """Whole specs, whatever stage: all their rows and the blobs these name."""
    versions: tuple[tuple[str, int], ...] = Field((), max_length=1000)
    """Data set versions, which then cannot be dropped."""
    runs: tuple[str, ...] = Field((), max_length=1000)
    """Runs: all specs they used, and what they left beside their records."""
    studies: tuple[tuple[str, int], ...] = Field((), max_length=1000)
    """Versions of studies, which then cannot be dropped, nor the data sets they rest on."""

    @field_validator("name")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return names.plain("pin", value)

    @field_validator("specs")
    @classmethod
    def _are_specs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.plain("spec", spec) for spec in value)

    @field_validator("runs")
    @classmethod
    def _are_runs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.plain("run", run) for run in value)


class Pinned(Studied):
    """A store's pins."""

    def pin(
        self,
        name: str,
        who: str,
        *,
        specs: tuple[str, ...] = (),
        versions: tuple[tuple[str, int], ...] = (),
        runs: tuple[str, ...] = (),
        studies: tuple[tuple[str, int], ...] = (),
        note: str = "",
    ) -> Pin:
        """Keep things until the pin is taken out; equal pins of two people are one.

        Raises:
            StoreMissing: a version, study, run or spec that is not there.
            VersionTaken: the name pins something else.
            StoreError: nothing to pin, or a name that cannot be used.
        """
        self.known_format()
        pin = self._pin({
            "name": name, "who": who, "when": datetime.now(UTC), "note": note,
            "specs": tuple(sorted(set(specs))), "versions": tuple(sorted(set(versions))),
            "runs": tuple(sorted(set(runs))), "studies": tuple(sorted(set(studies))),
        })  # fmt: skip
        self._require(pin)
        # Left out where there are none: who knows of no studies yet reads all other pins.
        unsaid = None if pin.studies else {"studies"}
        data = pin.model_dump_json(indent=1, exclude=unsaid).encode()
        held = self._read_pin(name, self._hold(names.pin(name), data))
        if _content(held) != _content(pin):
            raise VersionTaken(
                f"pin {name!r} is taken by {held.who} since {held.when:%Y-%m-%d}: choose another "
                "name, or take that pin out first (varifactory pin --out)"
            )
        return held

    def unpin(self, name: str) -> Pin:
        """Take a pin out, which needs the right to delete; returns what it kept.

        Raises:
            StoreMissing: there is no such pin.
        """
        self.known_format()
        path = names.pin(name)
        try:
            pin = self._read_pin(name, self.backend.read(path, _LIMIT))
        except FileNotFoundError:
            there = [entry.name.removesuffix(".json") for entry in self.backend.entries(names.PINS)]
            raise StoreMissing(f"no pin {name!r}: there are {sorted(there) or 'none'}") from None
        self.backend.delete(path)
        return pin

    def pins(self) -> list[Pin]:
        """All pins, by name.

        Raises:
            StoreError: one that cannot be read, for nobody knows what it keeps.
        """
        self.known_format()
        found = []
        for entry in self.backend.entries(names.PINS):
            if not entry.name.endswith(".json"):
                continue  # a note of somebody's, or an editor's
            path = f"{names.PINS}/{entry.name}"
            try:
                data = self.backend.read(path, _LIMIT)
            except FileNotFoundError:
                continue  # taken out since it was listed
            found.append(self._read_pin(entry.name.removesuffix(".json"), data))
        return sorted(found, key=lambda pin: pin.name)

    def _require(self, pin: Pin) -> None:
        if not (pin.specs or pin.versions or pin.runs or pin.studies):
            raise StoreError(
                f"pin {pin.name!r} keeps nothing: name a spec, a version, a study or a run"
            )
        for name, version in pin.versions:
            self.dataset(name, version)
        for name, version in pin.studies:
            self.study(name, version)
        for run in pin.runs:
            self.read_run(run)
        if pin.specs:
            stages = self.backend.folders(names.STAGES)
            there = {s for stage in stages for s in self.backend.folders(f"{names.STAGES}/{stage}")}
            if unknown := sorted(set(pin.specs) - there):
                raise StoreMissing(f"no rows of spec {unknown[0]!r} in {self.backend.show('')}")

    def _read_pin(self, name: str, data: bytes) -> Pin:
        where = self.backend.show(names.pin(name))
        try:
            pin = Pin.model_validate_json(data)
        except (ValidationError, StoreError, RecursionError) as error:
            raise StoreError(f"{where} is no pin of this version of varifactory: {error}") from None
        if pin.name != name:
            raise StoreError(f"{where} calls itself {pin.name!r}: it was moved or edited")
        return pin

    def _pin(self, fields: dict[str, Any]) -> Pin:
        try:
            return Pin.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise StoreError(f"this cannot be pinned: {first['loc']}: {first['msg']}") from None


def _content(pin: Pin) -> tuple[Any, ...]:
    return pin.specs, pin.versions, pin.runs, pin.studies
