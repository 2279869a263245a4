"""Lines drawn for readers: the picture shows the text, the edges fit, the same everywhere."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from vlkit.data import typefaces
from vlkit.data.rendered import HANGUL, HEIGHT, OTHERS, LineRenderer, LineSettings, normalise
from vlkit.data.rendered.__main__ import main as draw_sheet
from vlkit.data.rendered.characters import FOREIGN, KNOWN
from vlkit.data.rendered.fonts import find_typefaces
from vlkit.data.rendered.korean import conjugate, with_particle
from vlkit.data.rendered.passages import MOST_WORDS, read_passages
from vlkit.data.rendered.texts import KINDS, Texts
from vlkit.data.rendered.typeset import typeset
from vlkit.data.rendered.wear import CHANCES, UNSEEN
from vlkit.errors import InputError, RecipeError
from vlkit.onnx import UNKNOWN
from vlkit.recipe import parse

FONTS = (typefaces.FOLDER,)
PLAIN = LineSettings(fonts=FONTS, wear={})


@pytest.fixture(scope="module")
def renderer() -> LineRenderer:
    return LineRenderer(LineSettings(fonts=FONTS))


def digest(renderer: LineRenderer, numbers: range) -> str:
    found = hashlib.sha256()
    for line in sorted((renderer.line(number) for number in numbers), key=lambda line: line.text):
        found.update(line.text.encode() + line.pixels.tobytes() + line.edges.tobytes())
    return found.hexdigest()


def test_lines_are_what_they_say_they_are(renderer: LineRenderer) -> None:
    for number in range(150):
        line = renderer.line(number)
        assert line.pixels.dtype == np.uint8
        assert line.pixels.shape[0] == HEIGHT
        assert line.text == normalise(line.text)
        assert 0 < len(line.text) <= renderer.settings.longest
        assert (KNOWN | {UNKNOWN}).issuperset(line.text)
        assert line.edges.shape == (len(line.text), 2)
        assert (line.edges[:, 0] <= line.edges[:, 1]).all()
        assert (np.diff(line.edges.mean(axis=1)) >= 0).all()
        assert line.edges.min() >= 0
        assert line.edges.max() <= line.pixels.shape[1]


def test_a_line_is_the_same_in_any_order_and_any_process(renderer: LineRenderer) -> None:
    here = digest(renderer, range(24))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.test_rendered import *\n"
        "renderer = LineRenderer(LineSettings(fonts=FONTS)); renderer.line(999)\n"
        "print(digest(renderer, range(23, -1, -1)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parents[1])],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here
    assert digest(pickle.loads(pickle.dumps(renderer)), range(24)) == here
    other = LineRenderer(LineSettings(fonts=FONTS, seed=1))
    assert digest(other, range(24)) != here


def test_each_character_is_inked_between_its_edges_and_blanks_are_not() -> None:
    renderer = LineRenderer(PLAIN)
    for number in range(60):
        line = renderer.line(number)
        ink = 255 - line.pixels.astype(int)
        ink -= ink.min()
        strength = ink.max(axis=0)
        for char, (left, right) in zip(line.text, line.edges, strict=True):
            if char == " ":
                middle = strength[round(left + 2) : max(round(left + 2) + 1, round(right - 2))]
                assert middle.max(initial=0) < 60, line.text
            else:
                place = strength[max(0, int(left) - 1) : int(right) + 2]
                assert place.max() > 60, (line.text, char)


def test_the_picture_shows_the_text_in_the_order_of_its_edges() -> None:
    """Each letter of a drawn word looks like itself drawn alone, more than like the others."""
    face = find_typefaces(FONTS)[0]
    word = "BLTXO"
    line = typeset(word, [face], 40, [0.0] * len(word))
    alone = {char: typeset(char, [face], 40, [0.0]) for char in word}
    for char, (left, right) in zip(word, line.edges, strict=True):
        found = line.ink[:, round(left) : round(right)].sum(axis=1, dtype=float)
        apart = {
            other: np.abs(found - drawn.ink.sum(axis=1, dtype=float)).sum()
            for other, drawn in alone.items()
        }
        assert min(apart, key=lambda other: apart[other]) == char


def test_ligatures_leave_the_text_and_its_edges() -> None:
    face = next(face for face in find_typefaces(FONTS) if "ﬁ" in face.characters)
    apart = typeset("a fig", [face], 40, [0.0] * 5)
    joined = typeset("a fig", [face], 40, [0.0] * 5, ligatures=True)
    assert joined.edges.shape == apart.edges.shape == (5, 2)
    assert (joined.edges[1:, 0] == joined.edges[:-1, 1]).all()
    assert joined.ink.shape != apart.ink.shape or (joined.ink != apart.ink).any()
    alone = typeset("ﬁ", [face], 40, [0.0])
    left, right = round(float(joined.edges[2, 0])), round(float(joined.edges[3, 1]))
    assert abs(int(joined.ink[:, left:right].sum()) - int(alone.ink.sum())) < 2000


def test_neighbours_never_show_more_of_themselves_than_the_line() -> None:
    wear = {"neighbours": 1.0, "crop": 1.0, "rules": 0.5}
    near = LineRenderer(LineSettings(fonts=FONTS, wear=wear, severity=1.0))
    tall = 0
    for number in range(40):
        line = near.line(number)
        cell = float(np.median(line.edges[:, 1] - line.edges[:, 0]))
        tall += cell < 5  # a line that fills the cut has characters about 8 to 30 columns wide
    assert tall <= 4


@pytest.mark.parametrize("kind", [*CHANCES, *UNSEEN])
def test_each_kind_of_wear_shows_and_leaves_ink(kind: str) -> None:
    plain = LineRenderer(PLAIN)
    worn = LineRenderer(LineSettings(fonts=FONTS, wear={kind: 1.0}))
    changed = 0
    for number in range(8):
        before, after = plain.line(number), worn.line(number)
        assert after.text == before.text
        assert np.ptp(after.pixels) > 25, f"{after.text} can't be seen"
        same = before.pixels.shape == after.pixels.shape
        changed += not same or bool((before.pixels != after.pixels).any())
    assert changed >= 4


def test_severity_is_how_hard_lines_are_hit() -> None:
    def grain(severity: float) -> float:
        settings = LineSettings(fonts=FONTS, wear={"noise": 1.0}, severity=severity)
        renderer = LineRenderer(settings)
        lines = [renderer.line(number).pixels.astype(float) for number in range(20)]
        return float(np.mean([np.abs(np.diff(pixels[:2], axis=1)).mean() for pixels in lines]))

    assert grain(0.0) < grain(0.5) < grain(1.0)


def test_letters_of_other_scripts_say_that_they_are_not_read() -> None:
    texts, rng = Texts({"foreign": 1.0}, [], 64), Random(0)
    written = [texts.write(rng) for _ in range(400)]
    for script, letters in FOREIGN.items():
        assert not KNOWN.intersection(letters)
        assert all(normalise(letter) == letter for letter in letters), script
        assert any(set(letters).intersection(text) for text in written), script
    assert any(KNOWN.intersection(text.replace(" ", "")) for text in written)

    latin = replace(PLAIN, kinds={"foreign": 1.0})
    line = LineRenderer(latin).line(0)
    assert UNKNOWN in line.text
    assert len(line.edges) == len(line.text)


def test_every_known_character_comes_up() -> None:
    texts = Texts({"symbols": 1.0, "syllables": 3.0, "english-prose": 0.2}, [], 64)
    rng = Random(0)
    seen = set("".join(texts.write(rng) for _ in range(12_000)))
    assert seen.issuperset(OTHERS)
    assert len(seen.intersection(HANGUL)) > 0.99 * len(HANGUL)


def test_every_kind_of_text_writes() -> None:
    for kind in KINDS.keys() - {"files"}:
        texts, rng = Texts({kind: 1.0}, [], 40), Random(kind)
        lines = {texts.write(rng) for _ in range(40)}
        assert len(lines) > 25
        assert max(map(len, lines)) <= 40


def test_text_from_files(tmp_path: Path) -> None:
    captions = tmp_path / "captions.tsv"
    captions.write_text("a.jpg\tA dog runs\nb.jpg\t개가 뛴다\n\nc.jpg\tไทย\n", encoding="utf-8")
    words = tmp_path / "ko.dic"
    words.write_text("2\n가다/12,3\n학교/5\n", encoding="utf-8")  # decomposed, as some are
    texts, rng = Texts({"files": 1.0}, [captions, words], 64), Random(1)
    seen = {texts.write(rng) for _ in range(120)}
    prose = {"A dog runs", "개가 뛴다"}
    assert prose < seen
    assert {word for line in seen - prose for word in line.split()} == {"가다", "학교"}
    assert max(len(line.split()) for line in seen - prose) == MOST_WORDS
    with pytest.raises(InputError, match="no text"):
        Texts({"files": 1.0}, [], 64)
    with pytest.raises(InputError, match="can't be read"):
        Texts({"files": 1.0}, [tmp_path / "none.txt"], 64)


def test_text_from_a_folder_of_pages(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    page = "<html><title>no</title><h1>도움말</h1><ul><li><p>표를 <b>삽입</b>합니다.</p></li></ul>"
    page += "<table><tr><td>A1<br>B1</td><td> </td></tr></table><script>no()</script></html>"
    (tmp_path / "shared" / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "more.txt").write_text("Insert a table", encoding="utf-8")
    (tmp_path / "style.css").write_text("body {}", encoding="utf-8")
    found = read_passages(tmp_path)
    assert found.lines == ("Insert a table", "도움말", "표를 삽입합니다.", "A1 B1")
    assert not found.words


def test_long_text_is_cut_between_words(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text(" ".join(f"word{number}" for number in range(60)) + "\n" + "x" * 99)
    texts, rng = Texts({"files": 1.0}, [file], 30), Random(1)
    for _ in range(80):
        text = texts.write(rng)
        assert len(text) <= 30
        assert set(text) == {"x"} or all(word[:4] == "word" for word in text.split())


def test_normalise_folds_what_looks_alike() -> None:
    assert normalise(" a\u00a0\u3000b \t c ") == "a b c"
    assert normalise("각") == "각"
    assert normalise("ＡＢ（１）～") == "AB(1)~"
    assert normalise("µ−‐∼ﬁ￦") == "μ--~fi₩"
    assert all(normalise(char) == char for char in OTHERS[1:])
    assert all(normalise(normalise(chr(code))) == normalise(chr(code)) for code in range(0x3400))


def test_particles_and_endings_fit_the_last_sound() -> None:
    rng = Random(0)
    after = {noun: {with_particle(noun, rng) for _ in range(900)} for noun in ("물", "책", "나무")}
    assert {"물은", "물로", "물을"} <= after["물"]
    assert {"책은", "책으로", "책과"} <= after["책"]
    assert {"나무는", "나무로", "나무와"} <= after["나무"]
    assert not {"물으로", "물는", "책로", "책가", "나무은", "나무을"} & set().union(*after.values())
    forms = {conjugate("만들", "만들어", rng) for _ in range(900)}
    assert {"만들었다", "만드는", "만든", "만듭니다", "만들고", "만들어서"} <= forms
    assert not {"만들는", "만들은"} & forms
    assert {"갔다", "간", "갑니다", "가는"} <= {conjugate("가", "가", rng) for _ in range(900)}


def test_fonts_are_found_by_family_whatever_else_is_there(tmp_path: Path) -> None:
    for file in typefaces.FOLDER.glob("*.ttf"):
        (tmp_path / file.name).symlink_to(file)
        (tmp_path / f"copy-{file.name}").symlink_to(file)
    (tmp_path / "broken.ttf").write_bytes(b"\0\1\0\0 and no more")
    (tmp_path / "readme.txt").write_text("no font")
    every = find_typefaces([tmp_path])
    assert len({face.name for face in every}) == len(every) == 4
    assert [face.name for face in every] == sorted(face.name for face in every)
    korean = find_typefaces([tmp_path], only=["*KR*"])
    latin = find_typefaces([tmp_path], without=["*KR*"])
    assert {face.name for face in korean} | {face.name for face in latin} == {
        face.name for face in every
    }
    assert all(face.korean for face in korean)
    assert not any(face.korean for face in latin)
    with pytest.raises(InputError, match="no fonts"):
        find_typefaces([tmp_path], only=["Garamond"])
    with pytest.raises(InputError, match="no such folder"):
        find_typefaces([tmp_path / "none"])


def test_nothing_is_drawn_that_the_fonts_lack(tmp_path: Path) -> None:
    latin = LineRenderer(LineSettings(fonts=FONTS, without=("*KR*",), wear={}))
    has = latin.faces[0].characters
    assert all(has.issuperset(latin.line(number).text) for number in range(60))
    file = tmp_path / "korean.txt"
    file.write_text("한국어\n", encoding="utf-8")
    unable = LineSettings(fonts=FONTS, without=("*KR*",), texts=(file,), kinds={"files": 1.0})
    with pytest.raises(InputError, match="the fonts lack"):
        LineRenderer(unable).line(0)


def test_glyphs_without_ink_are_no_characters() -> None:
    for file in typefaces.FOLDER.glob("*.ttf"):
        face, named = typefaces.load_face(file), typefaces.characters(file)
        assert " " in named
        for char in named:
            assert char.isspace() or face.glyph_box(face.glyph_ids[ord(char)]), char


def test_a_recipe_can_name_the_settings() -> None:
    table = {"fonts": [str(typefaces.FOLDER)], "wear": {"blur": 0.5}, "kinds": {"figures": 1}}
    settings = parse(table, LineSettings)
    assert settings.wear == {"blur": 0.5}
    assert LineRenderer(settings).line(3).text
    with pytest.raises(RecipeError, match="did you mean 'blur'"):
        parse(table | {"wear": {"blurr": 0.5}}, LineSettings)
    with pytest.raises(RecipeError, match="below 0"):
        parse(table | {"kinds": {"figures": -1.0}}, LineSettings)
    with pytest.raises(RecipeError, match="severity"):
        parse(table | {"severity": 2.0}, LineSettings)


def test_the_contact_sheet_shows_every_line(tmp_path: Path) -> None:
    file = tmp_path / "sheet.png"
    draw_sheet(fonts=[typefaces.FOLDER], sheet_=file, wear=["blur"], lines=6)
    assert file.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(SystemExit, match="did you mean 'blur'"):
        draw_sheet(fonts=[typefaces.FOLDER], sheet_=file, wear=["blurr"])
