"""Whatever a user points at opens, or fails with one error that says what to do."""

import io
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vlkit.errors import DamagedInput, EncryptedInput, InputError, TooLarge, VlkitError
from vlkit.images import Limits, PageImage
from vlkit.sources import Readable, expand, open_source, page_spans

RNG = np.random.default_rng(5)
COLOURS = cv2.GaussianBlur(RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8), (0, 0), 3)
TRUTH = os.environ.get("VLKIT_DATA")


def encode(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def first_page(source: Readable, **options: Any) -> PageImage:
    with open_source(source, **options) as opened:
        page = next(iter(opened))
    if isinstance(page, VlkitError):
        raise page
    return page


def problem(source: Readable, **options: Any) -> VlkitError:
    """The error that opening, or else reading the first page, gives."""
    with pytest.raises(VlkitError) as caught:
        first_page(source, **options)
    return caught.value


# --- Formats -------------------------------------------------------------------------------------

FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 90},
    "WEBP": {"quality": 90},
    "BMP": {},
    "TIFF": {},
}


@pytest.mark.parametrize("form", FORMATS)
def test_decodes_as_an_independent_decoder_does(form: str) -> None:
    data = encode(COLOURS, form, **FORMATS[form])
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    difference = np.abs(first_page(data).pixels.astype(int) - expected)
    assert difference.max() <= (3 if form in ("JPEG", "WEBP") else 0)


COMPRESSIONS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_page_of_a_tiff_in_its_own_size(compression: str) -> None:
    mode = "1" if compression.startswith("group") else "RGB"
    sizes = [(80, 60), (50, 90), (120, 30)]
    pictures = [Image.fromarray(COLOURS).resize(size).convert(mode) for size in sizes]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "TIFF", compression=compression, save_all=True, append_images=pictures[1:]
    )
    with open_source(buffer) as source:
        assert (source.page_count, source.numbers) == (3, [1, 2, 3])
        pages = list(source)
        again = [source[number] for number in (2, 2, 3, 1)]
    for page, picture in zip(pages, pictures, strict=True):
        assert isinstance(page, PageImage)
        expected = np.asarray(picture.convert("RGB"))
        limit = 40 if compression == "jpeg" else 0
        assert np.abs(page.pixels.astype(int) - expected).max() <= limit
    assert [page.number for page in again] == [2, 2, 3, 1]
    assert all(
        np.array_equal(page.pixels, pages[page.number - 1].pixels)  # type: ignore[union-attr]
        for page in again
    )


def test_multi_page_tiff_of_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    assert cv2.imwritemulti(str(path), [COLOURS, COLOURS[:30]])
    with open_source(path) as source:
        pages = list(source)
    assert np.array_equal(pages[1].pixels, COLOURS[:30, :, ::-1])  # type: ignore[union-attr]


def tiled_tiff() -> tuple[bytes, np.ndarray]:
    """32 × 32 grey in four tiles of 16 × 16, written by hand, big-endian."""
    grey = RNG.integers(0, 256, (32, 32), dtype=np.uint8)
    tiles = [grey[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16)]
    tags = [(256, 32), (257, 32), (258, 8), (259, 1), (262, 1), (277, 1), (322, 16), (323, 16)]
    entries = [struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags]
    data_at = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries.append(struct.pack(">HHII", 324, 4, 4, data_at))
    entries.append(struct.pack(">HHII", 325, 4, 4, data_at + 16))
    arrays = struct.pack(">4I4I", *(data_at + 32 + 256 * n for n in range(4)), *[256] * 4)
    directory = struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8) + directory + arrays + b"".join(tiles), grey


def test_tiled_tiff() -> None:
    data, grey = tiled_tiff()
    assert np.array_equal(first_page(data).pixels[..., 0], grey)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(form: str) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
    with open_source(buffer.getvalue()) as source:
        pages = list(source)
    assert len(pages) == 1
    assert np.abs(pages[0].pixels[5, 5].astype(int) - (255, 0, 0)).max() < 8  # type: ignore[union-attr]


def test_encoded_jpeg_is_kept_where_it_is_the_page() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(COLOURS, "JPEG")
    assert first_page(data).encoded == data
    assert first_page(data).turned(90, 0).encoded is None
    assert first_page(encode(COLOURS[..., 0], "JPEG")).encoded
    assert first_page(encode(COLOURS, "JPEG", exif=exif)).encoded is None
    assert first_page(encode(COLOURS, "PNG")).encoded is None
    assert first_page(data, limits=Limits(page_pixels=1000)).encoded is None


# --- Kinds of input ------------------------------------------------------------------------------


class OneWay(io.RawIOBase):
    """A stream that can't seek and gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._rest.read(7 if size < 0 else min(size, 7))


def test_bytes_files_pictures_and_arrays_give_the_same_page(tmp_path: Path) -> None:
    data = encode(COLOURS, "PNG")
    path = tmp_path / "page.jpeg"  # the content counts, not the name
    path.write_bytes(data)
    used = io.BytesIO(data)
    used.read(20)
    with path.open("rb") as file:
        sources: list[Readable] = [
            str(path), path, data, bytearray(data), memoryview(data), used, OneWay(data), file,
            Image.open(path), COLOURS,
        ]  # fmt: skip
        for source in sources:
            assert np.array_equal(first_page(source).pixels, COLOURS)
        assert not file.closed


def test_name_is_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(encode(COLOURS, "PNG"))
    with path.open("rb") as file:
        for source in (path, str(path), file, Image.open(path)):
            with open_source(source) as opened:
                assert opened.name == "page.png"
    with open_source(path.read_bytes()) as opened:
        assert opened.name == ""


def test_user_s_picture_stays_usable() -> None:
    picture = Image.fromarray(COLOURS)
    first_page(picture)
    assert picture.getpixel((0, 0)) == tuple(COLOURS[0, 0])


# --- Bad input -----------------------------------------------------------------------------------


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_enormous_pictures_are_refused_by_their_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[object] = []
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", loads.append)
    error = problem(png(60_000, 60_000))
    assert not loads
    assert isinstance(error, TooLarge)
    assert "60,000 × 60,000" in str(error)
    assert error.page == 1
    assert error.remedy


def test_zlib_bomb_within_a_small_picture_is_not_unpacked() -> None:
    page = first_page(png(4, 4, zlib.compress(bytes(50_000_000), 9)))
    assert page.pixels.shape == (4, 4, 3)


def test_bytes_and_pages_beyond_the_limits() -> None:
    data = encode(COLOURS, "BMP")
    assert isinstance(problem(data, limits=Limits(bytes=1000)), TooLarge)
    assert isinstance(problem(io.BytesIO(data), limits=Limits(bytes=1000)), TooLarge)
    pages = [Image.new("1", (8, 8))] * 3
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages)
    assert isinstance(problem(buffer, limits=Limits(pages=2)), TooLarge)
    assert first_page(buffer, limits=Limits(pages=2), pages="2-3").number == 2


STRANGERS = {
    "Office": b"PK\x03\x04" + bytes(40),
    "old Office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0",
    "SVG": b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "web page": b"\n<!DOCTYPE html><html>",
    "plain text": "Ein Brief, von Hand getippt: äöü 한국어\n".encode() * 200,
    "no picture": bytes(range(256)),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_formats_that_are_not_read_are_named(what: str) -> None:
    error = problem(STRANGERS[what])
    assert type(error) is InputError
    assert what in error.problem
    assert error.remedy


def test_text_called_png(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_text("not a picture")
    error = problem(path)
    assert type(error) is InputError
    assert ".png" in error.problem
    assert "plain text" in error.problem
    assert error.file == str(path)


def test_missing_file_folder_and_empty_file(tmp_path: Path) -> None:
    (tmp_path / "invoice.pdf").write_bytes(b"")
    assert "Did you mean 'invoice.pdf'" in str(problem(tmp_path / "invoce.pdf"))
    assert "folder" in problem(tmp_path).problem
    assert "0 bytes" in problem(tmp_path / "invoice.pdf").problem
    assert isinstance(problem(b""), DamagedInput)
    assert isinstance(problem("a\0b.png"), InputError)
    assert isinstance(problem("x" * 5000), InputError)
    assert "regular" in problem(os.devnull).problem


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(encode(COLOURS, "PNG"))
    path.chmod(0)
    assert "ermission" in problem(path).problem


@pytest.mark.parametrize(
    "source", [5, None, ["a.png"], io.StringIO("text")], ids=["int", "None", "list", "text file"]
)
def test_objects_that_can_t_be_read(source: Any) -> None:
    error = problem(source)
    assert type(error) is InputError
    assert error.remedy


def test_closed_file_object() -> None:
    file = io.BytesIO(encode(COLOURS, "PNG"))
    file.close()
    assert type(problem(file)) is InputError


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_truncated_tiff_gives_its_good_pages(compression: str) -> None:
    mode = "1" if compression.startswith("group") else "L"
    noise = RNG.integers(0, 256, (5, 120, 160), dtype=np.uint8)
    pictures = [Image.fromarray(page).convert(mode) for page in noise]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "TIFF", compression=compression, save_all=True, append_images=pictures[1:]
    )
    data = buffer.getvalue()
    with open_source(data[: int(len(data) * 0.7)]) as source:
        pages = list(source)
    good = [page for page in pages if isinstance(page, PageImage)]
    failed = [page for page in pages if isinstance(page, VlkitError)]
    assert [page.number for page in good] == [1, 2, 3]
    assert failed
    assert failed[0].page == 4
    assert all(isinstance(error, DamagedInput) for error in failed)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_truncated_picture(form: str) -> None:
    data = encode(COLOURS, form)
    assert isinstance(problem(data[: len(data) // 2]), DamagedInput)


def test_tiff_whose_directories_run_in_a_circle() -> None:
    data = bytearray(tiled_tiff()[0])
    end_of_directory = 8 + 2 + 12 * 10
    data[end_of_directory : end_of_directory + 4] = struct.pack(">I", 8)
    with open_source(bytes(data)) as source:
        assert len(list(source)) == 1


def test_damaged_and_encrypted_pdf() -> None:
    from reportlab.pdfgen.canvas import Canvas

    assert isinstance(problem(b"%PDF-1.7\nrubbish"), DamagedInput)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt="sesame")
    canvas.drawString(50, 700, "hidden")
    canvas.save()
    for wrong in (None, "guess"):
        assert isinstance(problem(buffer, password=wrong), EncryptedInput)
    assert first_page(buffer, password="sesame").unit == "point"


def test_page_numbers_that_do_not_exist() -> None:
    with open_source(encode(COLOURS, "PNG")) as source:
        for number in (0, 2, -1):
            with pytest.raises(InputError, match="no such page"):
                source[number]


# --- Choosing pages ------------------------------------------------------------------------------


def test_spans_of_pages() -> None:
    assert page_spans("1-4,7, 9-") == [(1, 4), (7, 7), (9, None)]


@pytest.mark.parametrize("pages", ["", "0", "a", "1,,2", "3-1", "-2", "1-2-3", "1.5", "٣"])
def test_spans_that_can_t_be_understood(pages: str) -> None:
    if pages == "٣":
        assert page_spans(pages) == [(3, 3)]
        return
    with pytest.raises(InputError, match="choice of pages"):
        page_spans(pages)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=1))
def test_pages_come_once_and_in_order(spans: list[tuple[int, int]]) -> None:
    buffer = io.BytesIO()
    blank = Image.new("1", (8, 8))
    blank.save(buffer, "TIFF", save_all=True, append_images=[blank] * 5)
    text = ",".join(f"{first}-{first + more}" for first, more in spans)
    wanted = {n for first, more in spans for n in range(first, first + more + 1) if n <= 6}
    with open_source(buffer, pages=text) as source:
        assert source.numbers == sorted(wanted)


def test_page_alone_must_exist() -> None:
    assert "It has 1 page" in str(problem(encode(COLOURS, "PNG"), pages="2"))
    assert first_page(encode(COLOURS, "PNG"), pages="1-9").number == 1


# --- Folders and patterns ------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = encode(COLOURS, "PNG")
    for name in ("page10.png", "page2.PNG", "Page1.png", "sub/a.scan", ".hidden.png", ".git/b.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "broken.pdf").write_bytes(b"")
    (tmp_path / "none").mkdir()
    return tmp_path


def test_folder_is_searched_and_sorted_as_people_number(folder: Path) -> None:
    found = [Path(str(path)).relative_to(folder).as_posix() for path in expand([folder])]
    assert found == ["broken.pdf", "Page1.png", "page2.PNG", "page10.png", "sub/a.scan"]


def test_patterns(folder: Path) -> None:
    assert expand([f"{folder}/page*.png"]) == [str(folder / "page10.png")]
    assert expand([f"{folder}/**/*.scan"]) == [str(folder / "sub" / "a.scan")]
    assert len(expand([f"{folder}/*"])) == 5
    bracket = folder / "scan[1].png"
    bracket.write_bytes(encode(COLOURS, "PNG"))
    assert expand([bracket]) == [str(bracket)]


def test_each_failing_input_has_its_error_and_the_others_stay(folder: Path) -> None:
    good = str(folder / "notes.txt")  # named by the user, so taken
    names = ["missing.png", str(folder / "none"), f"{folder}/*.jpg", good, good, "http://a.b/c"]
    missing, empty, unmatched, kept, address = expand(names)
    assert kept == good
    for error, name in [(missing, "missing.png"), (empty, names[1]), (unmatched, names[2])]:
        assert isinstance(error, InputError)
        assert error.file == name
        assert error.remedy
    assert "--allow-remote" in str(address)
    assert expand(["http://a.b/c"], allow_remote=True) == ["http://a.b/c"]


# --- Addresses -----------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = encode(COLOURS, "PNG")
        if self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
        elif self.path.startswith("/scan.png"):
            self.send_response(200)
        else:
            self.send_response(404)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_addresses_only_where_allowed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    address = f"{server}/scan.png?size=1"
    assert "allow_remote=True" in str(problem(address))
    with open_source(address, allow_remote=True) as source:
        assert source.name == "scan.png"
        assert np.array_equal(source[1].pixels, COLOURS)
    assert isinstance(problem(address, allow_remote=True, limits=Limits(bytes=100)), TooLarge)
    for bad in (f"{server}/elsewhere", f"{server}/missing", "http://127.0.0.1:1/", "http://[/"):
        assert type(problem(bad, allow_remote=True)) is InputError


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://a.b/c.png", "s3://bucket/c"])
def test_other_schemes_are_refused(address: str) -> None:
    assert "not read" in problem(address, allow_remote=True).problem


# --- Real files ----------------------------------------------------------------------------------


@pytest.mark.skipif(not TRUTH, reason="VLKIT_DATA is not set")
def test_real_files_decode_as_by_an_independent_decoder() -> None:
    found = expand([Path(TRUTH or "") / "tesseract_test"])
    assert len(found) >= 30
    for path in found:
        page = first_page(str(path))
        expected = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if expected is not None and Image.open(str(path)).mode in ("1", "L", "P", "RGB"):
            assert cv2.absdiff(page.pixels, expected).mean() < 1, path
