"""A copy is whole or not there; the same request gives the same bytes."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.drawn_items import Drawn
from tests.varifactory.exports.conftest import published, split_items
from varifactory.command import main
from varifactory.commands.export import FORMS as OFFERED
from varifactory.datasets import Dataset
from varifactory.errors import FactoryError
from varifactory.exports.copying import export_copy
from varifactory.exports.encoding import encode
from varifactory.exports.job import SHARD_BYTES
from varifactory.exports.request import FORMS, Request
from varifactory.images import encode_png
from varifactory.store import BlobError, Store
from varifactory.training.arms import mixture


def tree(folder: Path) -> dict[str, str]:
    """Path -> hash of everything below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def keys_of(path: str) -> list[str]:
    return sorted(key for file in sorted(Path(path).glob("data/*.parquet"))
                  for key in pq.read_table(file, columns=["key"])["key"].to_pylist())  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_request_gives_the_same_bytes_and_is_adopted(
    data: Dataset, tmp_path: Path, form: str
) -> None:
    one, two = (export_copy(data, Request(form), tmp_path / name) for name in "ab")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert not one["adopted"]
    assert {**one, "path": ""} == {**two, "path": ""}
    again = export_copy(data, Request(form), tmp_path / "a")
    assert again["adopted"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    said = json.loads((tmp_path / "a/export.json").read_bytes())
    assert (said["form"], said["dataset"]) == (form, "toys@1")
    done = subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"],
                          cwd=tmp_path / "a", check=False)  # fmt: skip
    assert done.returncode == 0
    listed = (tmp_path / "a/SHA256SUMS").read_text().splitlines()
    assert len(listed) == len(tree(tmp_path / "a")) - 2 == said["files"]


def test_one_encoder_for_real_images_and_edits_and_nothing_but_pixels() -> None:
    dice = np.random.default_rng(1)
    pixels = dice.integers(0, 255, (40, 50, 3), np.uint8)
    stream = io.BytesIO()
    about = Image.Exif()
    about[0x010E] = "where I live"
    Image.fromarray(pixels).save(stream, "PNG", exif=about, icc_profile=b"x" * 200)
    told, plain = encode(stream.getvalue(), "jpeg"), encode(encode_png(pixels), "jpeg")
    assert told == plain
    assert (plain.width, plain.height) == (50, 40)
    with Image.open(io.BytesIO(plain.data)) as image:
        assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        # 4:4:4: the three components are sampled alike; quality 95: libjpeg's table begins with 2.
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
        assert image.quantization[0][0] == 2
    with Image.open(io.BytesIO(encode(stream.getvalue(), "png").data)) as image:
        assert image.info == {}
        assert (np.asarray(image) == pixels).all()


def test_rows_are_chosen_by_columns(data: Dataset, drawn: Drawn, tmp_path: Path) -> None:
    where = (("attribute", "color"), ("attribute", "texture"), ("paired", "true"))
    found = export_copy(data, Request("hf", where=where), tmp_path / "some")
    assert keys_of(found["path"]) == sorted(
        row["key"] for row in drawn.rows
        if row.get("attribute") in ("color", "texture") and row["paired"] and row["status"] == "ok"
    )  # fmt: skip
    refused = export_copy(data, Request("hf", where=(("status", "rejected"),)), tmp_path / "no")
    assert refused["rows"]["train"] == sum(row["status"] == "rejected" for row in drawn.rows)
    real = export_copy(data, Request("hf", where=(("attribute", ""),)), tmp_path / "real")
    assert set(real["rows"]) == {"train", "validation", "test"}
    for where, text in (
        ((("colour", "x"),), "colour=x"), ((("index", "many"),), "index=many"),
        ((("label", "no such"),), "nothing"),
    ):  # fmt: skip
        with pytest.raises(FactoryError, match=text):
            export_copy(data, Request("hf", where=where), tmp_path / "never")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("arm", ["real", "real+feasible", "mixed"])
def test_an_arm_is_what_training_takes(
    data: Dataset, drawn: Drawn, tmp_path: Path, arm: str
) -> None:
    rows = data.table().to_pylist()
    found = export_copy(data, Request("hf", arm=arm), tmp_path / "arm")
    wanted = mixture(arm, rows, rows, 3, editor="compositor")
    trained = {row["key"] for row in (*wanted.real, *wanted.edits)}
    tested = {row["key"] for row in rows if row["split"] != "train"}
    assert keys_of(found["path"]) == sorted(trained | tested)
    with pytest.raises(FactoryError, match="copy-real"):
        Request("hf", arm="copy-real")


def test_a_cell_of_a_grid_is_what_training_takes(data: Dataset, tmp_path: Path) -> None:
    rows = data.table().to_pylist()
    whole = Request("hf", arm="feasible")
    for at, chosen in enumerate(({"attribute": "color"}, {"per_source": 1})):
        wanted = mixture("feasible", rows, rows, 3, editor="compositor", **chosen)
        asked = Request("hf", arm="feasible", **{f"arm_{k}": v for k, v in chosen.items()})
        found = export_copy(data, asked, tmp_path / f"{at}")
        tested = {row["key"] for row in rows if row["split"] != "train"}
        assert keys_of(found["path"]) == sorted({row["key"] for row in wanted.edits} | tested)
        assert asked.digest_of(data) != whole.digest_of(data)
    with pytest.raises(FactoryError, match="give an --arm that has any"):
        Request("hf", arm="real", arm_per_source=1)
    with pytest.raises(FactoryError, match="give an --arm that has any"):
        Request("hf", arm_attribute="color")


def test_an_unfiltered_arm_shows_first_attempts_whatever_was_said_of_them(tmp_path: Path) -> None:
    drawn = split_items()
    for number, row in enumerate(row for row in drawn.rows if row["kind"] == "edit"):
        first = drawn.keep(encode_png(np.full((64, 64, 3), number, np.uint8)))
        row |= {"first_blob": first, "first_sha256": first[:64], "attempt": 1}
    data = published(str(tmp_path / "store"), drawn)
    rows = data.table().to_pylist()
    wanted = mixture("unfiltered", rows, rows, 3, editor="compositor").edits
    assert {row["status"] for row in wanted} > {"ok"}
    found = export_copy(data, Request("hf", arm="unfiltered", images="png"), tmp_path / "first")
    table = pq.read_table(sorted(Path(found["path"]).glob("data/train-*.parquet"))[0])
    shown = {row["key"]: np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))).flat[0]
             for row in table.to_pylist()}  # fmt: skip
    blobs = {row["key"]: row["first_blob"] for row in rows}
    assert shown == {
        row["key"]: np.asarray(Image.open(io.BytesIO(drawn.read(blobs[row["key"]])))).flat[0]
        for row in wanted
    }


def test_shards_hold_whole_row_groups(data: Dataset, tmp_path: Path) -> None:
    from varifactory.exports import job

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "ROW_GROUP", 5)
        patch.setattr("varifactory.exports.hf.ROW_GROUP", 5)
        found = export_copy(data, Request("hf"), tmp_path / "small", shard_bytes=60_000)
        tars = export_copy(data, Request("webdataset"), tmp_path / "tars", shard_bytes=60_000)
    files = sorted(Path(found["path"]).glob("data/train-*.parquet"))
    assert len(files) > 2
    assert files[0].name == f"train-00000-of-{len(files):05d}.parquet"
    assert {pq.ParquetFile(file).metadata.row_group(0).num_rows for file in files[:-1]} == {5}
    assert keys_of(found["path"]) == keys_of(found["path"])
    assert len(keys_of(found["path"])) == sum(found["rows"].values())
    assert len(sorted(Path(tars["path"]).glob("train-*.tar"))) > 2


@pytest.mark.parametrize("form", ["hf", "imagefolder"])
def test_an_export_that_stopped_is_not_there_and_is_taken_up(
    data: Dataset, drawn: Drawn, tmp_path: Path, form: str
) -> None:
    """A blob is lost in the middle; once it is back, what was done is not done again."""
    broken = published(str(tmp_path / "store"), drawn)
    row = next(row for row in drawn.rows if row["status"] == "ok" and row["split"] == "validation")
    blob = tmp_path / "store/blobs/sha256" / row["image_blob"][:2] / row["image_blob"]
    whole = blob.read_bytes()
    blob.unlink()
    with pytest.raises(BlobError):
        export_copy(broken, Request(form), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (partial,) = tmp_path.glob(".out.*.partial")
    done = {path: path.stat().st_mtime_ns for path in partial.rglob("*") if path.is_file()}
    assert done
    blob.write_bytes(whole)
    said = export_copy(broken, Request(form), tmp_path / "out")
    assert not partial.exists()
    export_copy(data, Request(form), tmp_path / "undisturbed")
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")
    kept = {partial / path.relative_to(tmp_path / "out"): path.stat().st_mtime_ns
            for path in (tmp_path / "out").rglob("*") if path.is_file()}  # fmt: skip
    pictures = {path for path in done if path.suffix in (".jpg", ".parquet")
                and path.name != "metadata.parquet"}  # fmt: skip
    assert pictures
    assert all(kept[path] == done[path] for path in pictures)
    assert said["adopted"] is False


@pytest.mark.parametrize(
    ("form", "under_way"), [("imagefolder", "train/*/*.jpg"), ("hf", ".tmp-*/file")]
)
def test_a_killed_export_is_never_taken_for_whole(
    data: Dataset, tmp_path: Path, form: str, under_way: str
) -> None:
    command = [sys.executable, "-m", "varifactory.command", "export", "toys", "--store",
               data.store.url, "--to", form, "--out", str(tmp_path / "out")]  # fmt: skip
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(tmp_path.glob(f".out.*/{under_way}")):
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() in (-signal.SIGKILL, 0)
    if not (tmp_path / "out").exists():
        assert list(tmp_path.glob(".out.*.partial"))
    export_copy(data, Request(form), tmp_path / "out")
    export_copy(data, Request(form), tmp_path / "undisturbed")
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")


@pytest.mark.parametrize("into", ["folder", "store"])
@pytest.mark.parametrize("other", ["shards", "libraries"])
def test_what_another_try_left_is_not_mixed_with_ours(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, into: str, other: str
) -> None:
    """A try of smaller shards or of another Pillow stops half-way: no row is read twice."""
    monkeypatch.setattr("varifactory.exports.job.ROW_GROUP", 5)
    monkeypatch.setattr("varifactory.exports.hf.ROW_GROUP", 5)
    url, out = str(tmp_path / "store"), tmp_path / "out" if into == "folder" else None
    broken = published(url, drawn)
    trains = [row for row in drawn.rows if row["status"] == "ok" and row["split"] == "train"]
    row = next(row for row in drawn.rows if row["split"] == "test" and row["status"] == "ok")
    blob = Path(url) / "blobs/sha256" / row["image_blob"][:2] / row["image_blob"]
    whole = blob.read_bytes()
    blob.unlink()
    with monkeypatch.context() as patch:
        if other == "libraries":
            patch.setattr("PIL.__version__", "1.1.7")
        with pytest.raises(BlobError):
            export_copy(broken, Request("hf"), out, shard_bytes=60_000)
    left = list(tmp_path.rglob("data/train-*.parquet"))
    assert len(left) > 1
    blob.write_bytes(whole)
    said = export_copy(broken, Request("hf"), out, 60_000 if other == "libraries" else SHARD_BYTES)
    found = [key for file in Path(said["path"]).glob("data/train-*.parquet")
             for key in pq.read_table(file)["key"].to_pylist()]  # fmt: skip
    assert sorted(found) == sorted(row["key"] for row in trains)
    assert {file.stat().st_ino for file in Path(said["path"]).rglob("*.parquet")}.isdisjoint(
        file.stat().st_ino for file in left if file.exists()
    )


def test_two_do_not_write_the_same_export_at_once(data: Dataset, tmp_path: Path) -> None:
    from varifactory.exports.copying import _files, _place

    request = Request("coco")
    named = _files(request.digest_of(data), SHARD_BYTES)
    first = _place(data, request, named, tmp_path / "out")
    first.begin()
    with pytest.raises(FactoryError, match="another process is writing"):
        export_copy(data, request, tmp_path / "out")
    first.release()
    assert not export_copy(data, request, tmp_path / "out")["adopted"]


def test_where_nothing_can_be_written_is_said(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FactoryError, match=r"cannot write the export to .*Not a directory"):
        export_copy(data, Request("coco"), tmp_path / "file/out")


def test_what_is_not_ours_is_left_alone(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear all")
    with pytest.raises(FactoryError, match="mine is there"):
        export_copy(data, Request("hf"), tmp_path / "mine")
    export_copy(data, Request("hf"), tmp_path / "out")
    with pytest.raises(FactoryError, match="another export"):
        export_copy(data, Request("hf", images="png"), tmp_path / "out")
    assert (tmp_path / "mine/letter.txt").read_text() == "dear all"
    (tmp_path / "empty").mkdir()
    assert not export_copy(data, Request("hf"), tmp_path / "empty")["adopted"]


def test_into_the_store_and_from_another_machine(
    bucket: str, drawn: Drawn, data: Dataset, tmp_path: Path
) -> None:
    away = published(bucket, drawn)
    said = export_copy(away, Request("webdataset"))
    assert said["path"].startswith(f"{bucket}/exports/toys/1/webdataset-")
    assert export_copy(away, Request("webdataset"))["adopted"]
    export_copy(data, Request("webdataset"), tmp_path / "here")
    store, folder = Store(bucket), said["path"].rpartition("/")[2]
    for path, sha in tree(tmp_path / "here").items():
        found = store.get_export("toys", 1, f"{folder}/{path}")
        assert hashlib.sha256(found).hexdigest() == sha, path


def test_the_command(data: Dataset, tmp_path: Path) -> None:
    def ask(*words: str) -> Result:
        return CliRunner(env={"VARIFACTORY_STORE": data.store.url}).invoke(main, ["export", *words])

    done = ask("toys@1", "--to", "coco", "--out", str(tmp_path / "coco"), "--where", "kind=edit")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"export: {tmp_path / 'coco'}"
    same = ask(f"{data.store.url}#toys", "--to", "coco", "--out", str(tmp_path / "coco"),
               "--where", "kind=edit", "--json")  # fmt: skip
    assert json.loads(same.stdout)["adopted"] is True
    wrong = ask("toys", "--to", "coco", "--where", "kind")
    assert (wrong.exit_code, "COLUMN=VALUE" in wrong.stderr) == (2, True)
    assert OFFERED == FORMS
