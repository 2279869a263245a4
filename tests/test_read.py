"""``vlkit.read`` and ``read_many``: what callers may write, and what the document keeps."""

import io
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vlkit
from vlkit.data.pages import PageBreak, Paragraph, Style, typeset
from vlkit.errors import InputError, VlkitError


@pytest.fixture(scope="module")
def pdf() -> bytes:
    words = [Paragraph("First page."), PageBreak(), Paragraph("Second page.")]
    return typeset(words, Style()).to_pdf()


@pytest.mark.parametrize("pages", ["2", 2, [2], (2,), {2}, range(2, 3), ["2-"]])
def test_pages_may_be_written_as_is_obvious(pdf: bytes, pages: Any) -> None:
    document = vlkit.read(pdf, pages=pages)
    assert [page.number for page in document.pages] == [2]


def test_languages_may_be_a_list(pdf: bytes) -> None:
    assert vlkit.read(pdf, lang=["eng"]) == vlkit.read(pdf, lang="eng")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pages": 0}, "first page is 1"),
        ({"pages": -1}, "'-1' is no page"),
        ({"pages": []}, "no page"),
        ({"pages": 1.5}, "pages is 1.5"),
        ({"pages": True}, "pages is True"),
        ({"pages": [None]}, "a number or a list"),
        ({"lang": ""}, "no language"),
        ({"lang": []}, "no language"),
        ({"lang": [1]}, "'kor\\+eng'"),
        ({"lang": "en"}, "Did you mean 'eng'"),
        ({"lang": "eng+ko"}, "Did you mean 'kor'"),
        ({"lang": ["JA"]}, "Did you mean 'jpn'"),
        ({"engine": None}, "engine is None"),
        ({"engine": 3}, "Give a name"),
        ({"password": b"1"}, "password is b'1'"),
    ],
)
def test_what_means_nothing_is_said_with_a_remedy(
    pdf: bytes, arguments: dict[str, Any], said: str
) -> None:
    for call in (
        lambda: vlkit.read(pdf, **arguments),
        lambda: vlkit.read_many(["x.pdf"], **arguments),
    ):
        with pytest.raises(VlkitError) as caught:
            call()
        assert caught.match(said), caught.value
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("paths", "arguments"),
    [
        (None, {}),
        (b"%PDF", {}),
        ([b"%PDF"], {}),
        ([3], {}),
        (["x.pdf"], {"workers": 0}),
        (["x.pdf"], {"output": "out", "formats": ["docx"]}),
        (["x.pdf"], {"output": "out", "formats": [None]}),
    ],
)
def test_what_many_files_can_t_be_read_with(
    paths: Any, arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VlkitError):
        vlkit.read_many(paths, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs pipes of POSIX")
def test_a_stream_that_is_used_up_can_still_be_drawn(pdf: bytes) -> None:
    ending, beginning = os.pipe()

    def feed() -> None:
        with os.fdopen(beginning, "wb") as pipe:
            pipe.write(pdf)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(ending, "rb") as stream:
        document = vlkit.read(stream)
    feeder.join()
    assert len(document.overlay()) == 2
    assert document.to_pdf().startswith(b"%PDF")


def test_a_file_object_is_read_from_its_start_each_time(pdf: bytes) -> None:
    stream = io.BytesIO(pdf)
    stream.seek(100)
    document = vlkit.read(stream)
    assert document.source is stream, "what can be read again is not copied"
    assert len(document.overlay()) == 2
    stream.close()
    with pytest.raises(InputError, match="one that is open"):
        document.overlay()
    with pytest.raises(InputError, match="one that is open"):
        vlkit.read(stream)


def test_a_text_file_object_says_how_to_open_it(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 \xff\xfe")
    with (
        (tmp_path / "a.pdf").open(encoding="utf-8") as file,
        pytest.raises(InputError, match="binary mode"),
    ):
        vlkit.read(file)  # type: ignore[arg-type]


def test_an_empty_name_is_not_the_folder_one_stands_in(
    pdf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf)
    (tmp_path / "link.pdf").symlink_to("gone.pdf")
    monkeypatch.chdir(tmp_path)
    found = list(vlkit.read_many(["", "link.pdf"]))
    assert "empty name" in str(found[0].error)
    assert "gone.pdf" in str(found[1].error)


def test_a_document_without_a_page_that_was_read_writes_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "white").save(tmp_path / "a.png")
    (result,) = vlkit.read_many(tmp_path, engine="pdf-text", output=tmp_path / "out", workers=1)
    assert not result.readable
    assert result.written == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["vlkit-read.jsonl"]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2), (1, 20_000), (5_000, 1)])
@pytest.mark.parametrize("level", [0, 255])
def test_pictures_of_a_pixel_or_a_row_say_nothing(size: tuple[int, int], level: int) -> None:
    (page,) = vlkit.read(np.full((*size, 3), level, np.uint8)).pages
    assert page.error is None
    assert page.words == []
