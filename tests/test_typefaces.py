"""TrueType tables as we read them, against fontTools."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from vlkit.data.typefaces import FOLDER, SANS, families_in, load_face, pieces
from vlkit.errors import InputError

FILES = sorted(FOLDER.glob("*.ttf"))
ELSEWHERE = [
    path
    for name in (
        "dejavu/DejaVuSerif.ttf",
        "nanum/NanumMyeongjo.ttf",
        "noto/NotoSansHebrew-Bold.ttf",
    )
    if (path := Path("/usr/share/fonts/truetype") / name).exists()
]


@pytest.mark.parametrize("path", [*FILES, *ELSEWHERE], ids=lambda path: path.stem)
def test_tables_as_fonttools_reads_them(path: Path) -> None:
    face, font = load_face(path), TTFont(path)
    glyphs = font.getReverseGlyphMap()
    best = {code: glyphs[name] for code, name in font.getBestCmap().items()}
    assert face.glyph_ids == best
    assert face.units == font["head"].unitsPerEm
    assert face.name == font["name"].getDebugName(6)
    for code in list(best)[:: max(1, len(best) // 300)]:
        name = font.getGlyphName(best[code])
        assert face.advances[best[code]] == font["hmtx"][name][0]
        glyph = font["glyf"][name]
        box = face.glyph_box(best[code])
        if glyph.numberOfContours:
            assert box == (glyph.xMin, glyph.yMin, glyph.xMax, glyph.yMax)
        else:
            assert box is None


def test_a_subset_is_a_font_with_the_same_outlines() -> None:
    face = SANS.face(bold=False)
    wanted = [face.glyph_ids[ord(char)] for char in "Aé☒"]
    small = TTFont(io.BytesIO(face.subset(wanted)))
    whole = TTFont(SANS.regular)
    names = [whole.getGlyphName(glyph) for glyph in wanted]
    for glyph, name in zip(wanted, names, strict=True):
        points = whole["glyf"][name].getCoordinates(whole["glyf"])[0]
        assert small["glyf"][small.getGlyphName(glyph)].getCoordinates(small["glyf"])[0] == points
    other = small.getGlyphName(face.glyph_ids[ord("Z")])
    assert small["glyf"][other].numberOfContours == 0


def test_bundled_faces_cover_what_they_promise() -> None:
    latin = {*range(0x20, 0x7F), *range(0xA1, 0x180), *range(0x5D0, 0x5EB), 0xFB01, 0xFB02}
    hangul = {
        ord(bytes([lead, trail]).decode("euc-kr"))
        for lead in range(0xB0, 0xC9)
        for trail in range(0xA1, 0xFF)
    }
    for path in FILES:
        codes = set(load_face(path).glyph_ids)
        assert (hangul if "KR" in path.stem else latin | set(map(ord, "☐☑☒•–—’“”€₩"))) <= codes
    assert len(hangul) == 2350
    assert sum(path.stat().st_size for path in FILES) <= 3_000_000


def test_no_reserved_name_is_used_and_the_licence_stands_beside() -> None:
    for path in FILES:
        names = TTFont(path)["name"]
        for number in (1, 3, 4, 6):
            text = names.getDebugName(number).lower()
            assert not any(name in text for name in ("nanum", "liberation", "arimo"))
        assert "copyright" in names.getDebugName(0).lower()
        assert "Open Font License" in names.getDebugName(13)
        assert path.name in (FOLDER / "OFL.txt").read_text()


def test_each_char_comes_from_the_first_face_that_has_it() -> None:
    found = [(face.name, text) for face, text in pieces("2026년 ☒", (), False)]
    assert found == [
        ("VlkitSans-Regular", "2026"),
        ("VlkitSansKR-Regular", "년"),
        ("VlkitSans-Regular", " ☒"),
    ]
    with pytest.raises(InputError, match="no font has"):
        pieces("ก", (), False)


def test_families_pair_their_weights() -> None:
    found = families_in(FOLDER)
    assert set(found) == {"VlkitSans", "VlkitSansKR"}
    assert found["VlkitSans"].bold.stem == "VlkitSans-Bold"


def test_what_is_no_font_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "font.ttf"
    with pytest.raises(InputError, match="can't read the font"):
        load_face(path)
    path.write_bytes(b"not a font at all" * 4)
    with pytest.raises(InputError, match="no TrueType outlines"):
        load_face(path)
