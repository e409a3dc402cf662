from varifactory.history.models_used import NO_WEIGHTS, OF_A_PROVIDER, UNKNOWN, licence, model_notes

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "ab" * 32
SPECS = {
    "masks/1": {"segmenter": {"name": "sam2", "weights": f"facebook/sam2.1-hiera-large@{COMMIT}",
                              "dtype": "float16", "prompt": "grounding-dino",
                              "detector name": "grounding-dino",
                              "detector weights": f"IDEA-Research/grounding-dino-tiny@{COMMIT}",
                              "detector dtype": "float32"}},
    "edits/1": {"inpainter": {"name": "varireal", "version": 2,
                              "base_weights": f"stabilityai/stable-diffusion-xl-base-1.0@{COMMIT}",
                              "vae_weights": SHA}, "feather": 1.0},
    "verdicts/1": {"judge": {"name": "vision", "model": "openai/gpt-x", "version": 1}},
    "verdicts/2": {"judge": {"name": "measured", "version": 1, "clip name": "small-clip",
                             "clip weights": SHA, "clip dtype": "float32"}},
    "training/1": {"trainee": {"name": "small-clip", "weights": SHA}},
}  # fmt: skip
CARDS = [{"name": "small-clip", "sha256": SHA, "licence": "Apache-2.0", "figures": {"top1": 0.9}}]


def test_every_part_with_weights_is_a_model_with_its_revision_and_licence() -> None:
    found = {note.name: note for note in model_notes(SPECS)}
    sam = found["sam2 (facebook/sam2.1-hiera-large)"]
    assert (sam.stage, sam.revision, sam.dtype) == ("masks", COMMIT, "float16")
    assert (sam.licence, sam.sha256) == ("Apache-2.0", "")
    assert "grounding-dino (IDEA-Research/grounding-dino-tiny)" in found
    base = found["stabilityai/stable-diffusion-xl-base-1.0"]
    assert base.licence == "CreativeML OpenRAIL++-M"
    assert (found["varireal vae"].sha256, found["varireal vae"].licence) == (SHA, UNKNOWN)
    assert found["varireal"].revision == "version 2"


def test_a_model_of_two_stages_is_told_once_with_its_card() -> None:
    (clip,) = [note for note in model_notes(SPECS, CARDS) if note.name == "small-clip"]
    assert clip.stage == "verdicts, training"
    assert (clip.licence, clip.figures) == ("Apache-2.0", {"top1": 0.9})


def test_what_asks_a_provider_is_not_pinned() -> None:
    (judge,) = [note for note in model_notes(SPECS) if note.licence == OF_A_PROVIDER]
    assert judge.name == "openai/gpt-x"
    assert [note.name for note in model_notes(SPECS) if not note.pinned] == ["openai/gpt-x"]
    (code,) = [note for note in model_notes(SPECS) if note.name == "measured"]
    assert (code.licence, code.pinned) == (NO_WEIGHTS, True)


def test_licences_are_known_by_name_whatever_its_case() -> None:
    assert licence("h94/ip-adapter") == "Apache-2.0"
    assert licence("somebody/else") == UNKNOWN
