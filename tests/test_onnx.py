"""Running a line reader without torch: the same texts, any number and width of pictures, places."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit.errors import CheckpointError
from vlkit.onnx import (
    BATCH_WIDTH,
    WIDEST_HALF,
    Alphabet,
    LineModel,
    ReadLine,
    batches_by_width,
    extents,
    in_batch,
)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, width)).integers(0, 256, (height, width), dtype=np.uint8)


# Around the model


def test_the_alphabet_codes_every_syllable_after_the_others():
    alphabet = Alphabet(" a가"[:2])
    text = "a 가각힣"
    codes = alphabet.encode(text)
    assert codes == [2, 1, 3, 4, 2 + 11_172]
    assert "".join(map(alphabet.decode, codes)) == text
    with pytest.raises(KeyError):
        alphabet.encode("b")
    with pytest.raises(ValueError, match="twice"):
        Alphabet("aba")
    with pytest.raises(ValueError, match="syllables"):
        Alphabet("a가")


@given(st.lists(st.integers(1, 3 * BATCH_WIDTH), max_size=60))
def test_batches_hold_each_line_once_and_few_pixels(widths):
    batches = list(batches_by_width(widths))
    assert sorted(index for batch in batches for index in batch) == list(range(len(widths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(widths[i] for i in batch) <= BATCH_WIDTH


def test_a_batch_is_padded_with_paper_to_whole_frames():
    batch, widths = in_batch([picture(32, 5), picture(32, 9)])
    assert batch.shape == (2, 32, 12)
    assert widths.tolist() == [5, 9]
    assert (batch[0, :, 5:] == 255).all()
    assert (batch[1, :, :9] == picture(32, 9)).all()


@given(st.lists(st.tuples(st.floats(0.5, 400), st.booleans()), max_size=20))
def test_places_are_in_order_and_hold_their_middles(gaps):
    middles = np.cumsum([gap for gap, _ in gaps])
    spaces = [space for _, space in gaps]
    found = extents(middles, spaces)
    assert len(found) == len(gaps)
    for (x0, x1), middle, space in zip(found, middles, spaces, strict=True):
        assert space or x0 <= middle <= x1
        assert space or x1 - x0 <= 2 * WIDEST_HALF + 1e-6
    for (_, end), (start, _) in itertools.pairwise(found):
        assert end <= start + 1e-6


# With a model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from vlkit.models.convert.onnx import halve, write_onnx
    from vlkit.models.lines import LineReader, LineReaderConfig

    torch.manual_seed(0)
    model = LineReader(LineReaderConfig(stem=(8, 16, 32), width=64, depth=1, heads=2, kernel=5))
    noise = torch.from_numpy(np.stack([picture(32, 640, seed) for seed in range(4)]))
    widths = torch.full((4,), 640)
    model.train()(noise, widths)
    with torch.no_grad():  # by what frames differ in, so that they read as many characters
        usual = model.eval().frames(noise, widths)[0].mean(dim=(0, 1))
        model.head.weight *= 20
        model.head.bias.copy_(-model.head.weight @ usual)
    place = model.save_pretrained(tmp_path_factory.mktemp("lines") / "model")
    write_onnx(model, place / "model.onnx")
    (place / "half").mkdir()
    (place / "half" / "config.json").write_bytes((place / "config.json").read_bytes())
    halve(place / "model.onnx", place / "half" / "model.onnx")
    return place


def test_the_file_names_no_place_of_the_machine_that_wrote_it(folder):
    written = (folder / "model.onnx").read_bytes()
    assert b".py" not in written


PICTURES = [picture(32, width) for width in (1, 4, 63, 64, 65, 128, 320, 640)]


@pytest.fixture(scope="module")
def model(folder):
    return LineModel.open(folder)


def test_it_reads_what_the_model_reads(folder, model):
    from vlkit.models.lines import LineReader

    usable = [each for each in PICTURES if each.shape[1] >= 4]
    texts = [line.text for line in model.read(usable)]
    assert texts == LineReader.from_pretrained(folder).read(usable)
    assert len(set("".join(texts))) > 10


def test_half_the_bytes_read_the_same(folder, model):
    whole, half = folder / "model.onnx", folder / "half" / "model.onnx"
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    got = [line.text for line in LineModel.open(folder / "half").read(PICTURES)]
    wanted = [line.text for line in model.read(PICTURES)]
    same = sum(a == b for a, b in zip(got, wanted, strict=True))
    assert same >= len(wanted) - 2  # noise is near every border


def test_a_line_does_not_depend_on_those_beside_it(model):
    assert model.read(PICTURES) == [model.read([each])[0] for each in PICTURES]


def test_characters_lie_in_order_within_their_picture(model):
    for height in (20, 32, 90):
        [line] = model.read([picture(height, 700)])
        assert line.text == "".join(character.text for character in line.characters)
        assert len(line.characters) > 3
        ends = 0.0
        for character in line.characters:
            assert ends - 1e-3 <= character.x0 <= character.x1 <= 700
            assert 0 < character.confidence <= 1
            ends = character.x1


def test_a_very_long_line(model):
    [line] = model.read([picture(32, 20_000)])
    assert line.characters[-1].x1 > 19_000


@pytest.mark.parametrize("shape", [(0, 0), (0, 9), (9, 0), (1, 1), (1, 500), (32, 1), (3, 300)])
def test_pictures_too_small_for_text_hold_none(model, shape):
    assert model.read([np.zeros(shape, np.uint8)]) == [ReadLine("", ())]


def test_it_runs_without_torch(folder):
    code = (
        "import sys, numpy, pathlib; from vlkit.onnx import LineModel;"
        f"m = LineModel.open(pathlib.Path({str(folder)!r}));"
        "m.read([numpy.zeros((32, 99), numpy.uint8)]);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_is_no_model_is_named(folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        LineModel.open(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"config": {"characters": " a"}}))
    with pytest.raises(CheckpointError, match="can't be opened"):
        LineModel.open(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(CheckpointError, match="can't be opened"):
        LineModel.open(tmp_path)
