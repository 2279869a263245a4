"""Pictures with captions from every layout, and what is said of those that can't be read."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlkit.data.captions import Captions, decode, open_captions
from vlkit.errors import DamagedInput, InputError


def jpeg(shade: int, size: tuple[int, int] = (12, 8)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 255 - shade)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    lines = []
    for index in range(4):
        (tmp_path / "images" / f"{index}.jpg").write_bytes(jpeg(index * 60))
        lines += [f"{index}.jpg\ta caption of {index}", f"{index}.jpg\tanother of {index} "]
    (tmp_path / "captions.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "train.txt").write_text("2.jpg\n0.jpg\n")
    return tmp_path


def content(captions: Captions) -> list[tuple[str, tuple[str, ...], int]]:
    return [
        (example.key, example.captions, round(float(decode(example)[..., 0].mean()), -1))
        for example in captions.examples
    ]


def test_reads_a_folder_with_a_tsv_and_its_splits(folder: Path) -> None:
    whole = open_captions(folder)
    assert content(whole) == [
        (f"{index}.jpg", (f"a caption of {index}", f"another of {index}"), index * 60)
        for index in range(4)
    ]
    assert whole == open_captions(folder) != open_captions(folder / "captions.tsv")
    assert content(open_captions(folder / "captions.tsv")) == content(whole)
    assert [example.key for example in open_captions(folder, "train").examples] == [
        "2.jpg",
        "0.jpg",
    ]
    assert len(list(whole.texts())) == 8


def test_reads_pictures_with_text_beside_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.jpg").write_bytes(jpeg(120))
    (tmp_path / "deep" / "a.txt").write_text("one\n\n two \n")
    (tmp_path / "b.png").write_bytes(jpeg(0))
    captions = open_captions(tmp_path)
    assert content(captions) == [("deep/a.jpg", ("one", "two"), 120)]
    assert captions.skipped == (("b.png", "it has no caption"),)


def test_reads_the_shards_that_webdataset_writes(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    with webdataset.ShardWriter(str(tmp_path / "part-%03d.tar"), maxcount=2, verbose=0) as writer:
        for index in range(3):
            writer.write(
                {"__key__": f"k{index}", "jpg": jpeg(index * 60), "txt": f"caption {index}"}
            )
        writer.write({"__key__": "k3", "jpg": jpeg(180), "json": {"captions": ["x", "y"]}})
    assert content(open_captions(tmp_path)) == [
        ("part-000/k0", ("caption 0",), 0),
        ("part-000/k1", ("caption 1",), 60),
        ("part-001/k2", ("caption 2",), 120),
        ("part-001/k3", ("x", "y"), 180),
    ]
    assert len(open_captions(tmp_path / "part-000.tar")) == 2


def test_what_can_not_be_an_example_is_named(folder: Path) -> None:
    (folder / "images" / "1.jpg").unlink()
    with (folder / "captions.tsv").open("a") as file:
        file.write("no tab here\n3.jpg\t \n")
    captions = open_captions(folder)
    assert len(captions) == 3
    assert captions.skipped == (
        ("line 9", "it has no tab between picture and caption"),
        ("1.jpg", "there is no such picture"),
    )
    (folder / "train.txt").write_text("1.jpg\n2.jpg\n")
    assert open_captions(folder, "train").skipped == (("1.jpg", "there is no such picture"),)


def test_a_cut_off_picture_is_an_error_with_its_key(folder: Path) -> None:
    file = folder / "images" / "2.jpg"
    file.write_bytes(file.read_bytes()[:-60])
    examples = open_captions(folder).examples
    with pytest.raises(DamagedInput, match=r"2\.jpg"):
        decode(examples[2])
    file.unlink()
    with pytest.raises(DamagedInput, match=r"2\.jpg"):
        decode(examples[2])


def test_a_photo_is_turned_upright_and_may_be_decoded_smaller(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.txt").write_text("x")
    (example,) = open_captions(tmp_path).examples
    assert decode(example).shape == (800, 400, 3)
    small = decode(example, least=100)
    assert small.shape == (200, 100, 3)
    assert small.dtype == np.uint8


def _tar(path: Path, **members: bytes) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_bad_input_is_one_clear_error(folder: Path, tmp_path: Path) -> None:
    def refused(path: Path, message: str, split: str | None = None) -> None:
        with pytest.raises(InputError, match=message) as caught:
            open_captions(path, split)
        assert str(path if split is None else path / f"{split}.txt") in str(caught.value) or (
            split is not None and str(path) in str(caught.value)
        )

    refused(tmp_path / "nowhere", "no such folder or file")
    refused(folder, "no split 'tarin'.*train", "tarin")
    (folder / "bad.txt").write_text("0.jpg\n9.jpg\n")
    refused(folder, r"names 1 pictures that the data don't have: 9\.jpg", "bad")
    (folder / "empty.txt").write_text("\n")
    refused(folder, "split is empty", "empty")
    for picture in (folder / "images").iterdir():
        picture.unlink()
    refused(folder, r"captions have no pictures: none of 4 is there, such as 0\.jpg")
    (tmp_path / "nothing").mkdir()
    refused(tmp_path / "nothing", "no pictures with captions here")
    (tmp_path / "nothing" / "a.jpg").write_bytes(jpeg(0))
    refused(tmp_path / "nothing", "none of 1 pictures has a caption")
    shards = tmp_path / "shards"
    shards.mkdir()
    _tar(shards / "a.tar", k0_jpg=jpeg(0), k0_json=json.dumps({"caption": "c"}).encode())
    _tar(shards / "b.tar")
    with pytest.raises(InputError, match=r"b\.tar.*the shard is empty"):
        open_captions(shards)
    (shards / "b.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(InputError, match=r"b\.tar.*the shard is damaged"):
        open_captions(shards)
    (shards / "b.tar").unlink()
    whole = (shards / "a.tar").read_bytes()
    assert content(open_captions(shards)) == [("a/k0", ("c",), 0)]
    (shards / "a.tar").write_bytes(whole[:700])
    with pytest.raises(InputError, match=r"a\.tar"):
        open_captions(shards)
