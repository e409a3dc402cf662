"""The check of the cards, against what a driver's own program prints."""

from pathlib import Path

import pytest

from varifactory import doctor


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts an ``nvidia-smi`` on the path that prints these lines; a card is not at hand here."""

    def answer(printed: str, code: int = 0) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return answer


def test_a_machine_without_a_card_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (check,) = doctor.cards()
    assert (check.state, check.found) == ("note", "no CUDA card was found")


def test_every_card_is_told_with_its_memory(driver) -> None:
    driver("NVIDIA H200, 143771, 9.0, 570.1\nNVIDIA H200, 143771, 9.0, 570.1\n")
    found = list(doctor.cards())
    assert [check.state for check in found] == ["ok", "ok"]
    assert found[0].found == "NVIDIA H200, 140 GiB, driver 570.1"


def test_a_card_without_bfloat16_is_told_with_the_setting(driver) -> None:
    driver("Tesla T4, 15360, 7.5, 550.0\n")
    (check,) = doctor.cards()
    assert check.state == "note"
    assert "float16" in check.advice


def test_a_driver_that_does_not_answer_is_trouble(driver) -> None:
    driver("Failed to initialize NVML: Driver/library version mismatch", code=18)
    (check,) = doctor.cards()
    assert check.state == "trouble"
    assert "mismatch" in check.found
