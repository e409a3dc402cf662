"""What the page of failures offers, by the flow that met them."""

from flows.failures import Cause, page

CAUSE = Cause("edits", "BlobLost", 2, ("gone",), "a" * 64)
FORM = "http://127.0.0.1:9/run"


def test_a_run_that_can_be_taken_up_has_a_link_and_a_command() -> None:
    for flow in ("generate", "train", "study", "rerun"):
        text = page("run-1", "/store", [CAUSE], FORM, flow)
        assert f"({FORM}?parameters=" in text
        assert "python -m flows.rerun --run run-1 --stage edits" in text


def test_a_preview_or_a_tuning_is_run_again() -> None:
    """No link, for a rerun would refuse the run."""
    for flow in ("preview", "adapt"):
        text = page("run-1-preview", "/store", [CAUSE, CAUSE], FORM, flow)
        assert FORM not in text
        assert "flows.rerun" not in text
        assert text.count("run the same again") == 1
        assert "`gone`" in text
