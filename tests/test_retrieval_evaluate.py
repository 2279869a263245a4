"""`vlkit eval retrieval` against the model asked one picture and one caption at a time."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("open_clip")

from PIL import Image  # noqa: E402

from tests.photos import write_photos  # noqa: E402
from tests.test_train import RECIPE  # noqa: E402
from vlkit import recipe  # noqa: E402
from vlkit.checkpoint import save_folder  # noqa: E402
from vlkit.data.bpe import CaptionTokenizer, train_bpe  # noqa: E402
from vlkit.errors import InputError, ModelError  # noqa: E402
from vlkit.models.clip import Clip, ClipConfig  # noqa: E402
from vlkit.retrieval import evaluate  # noqa: E402

SIZE = 32


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten pictures of random colours with two captions each, the fourth of them damaged."""
    draw = np.random.default_rng(0)
    colours = [np.tile(draw.integers(0, 255, 3, np.uint8), (SIZE, SIZE, 1)) for _ in range(10)]
    folder = write_photos(tmp_path / "photos", colours, ["colour {n}", "the {n} hue"])
    (folder / "images" / "3.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(params=["linear", "late"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    import tomllib

    torch.manual_seed(0)
    text = RECIPE.replace('"linear"', f'"{request.param}"').format(output="", data="")
    table = tomllib.loads(text)["model"]["config"]
    table["objective"] = "late" if request.param == "late" else "infonce"
    clip = Clip.from_config(recipe.parse(table, ClipConfig))
    texts = [f"colour {n} the {n} hue" for n in range(10)]
    tokenizer = CaptionTokenizer(train_bpe(texts, 300), 12)
    folder = tmp_path / "clip"
    save_folder(
        folder,
        model="clip",
        config=recipe.to_table(clip.config),
        weights=clip.state_dict(),
        tokenizer=tokenizer.save(tmp_path / "tokenizer.json"),
    )
    return folder


@torch.no_grad()
def test_equals_one_picture_and_one_caption_at_a_time(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "BATCH", 4)
    result = evaluate.evaluate_retrieval(str(model), data)
    assert result.counts == {"images": 9, "captions": 18, "skipped": 1}

    clip = evaluate.load(model).eval()
    tokenizer = CaptionTokenizer.from_file(model / "tokenizer.json", 12)
    readable = [n for n in range(10) if n != 3]
    scores = np.zeros((9, 18))
    for row, n in enumerate(readable):
        colour = np.asarray(Image.open(data / "images" / f"{n}.png"))[0, 0] / 255
        level = (colour - clip.image.mean) / clip.image.std
        pixels = torch.tensor(level, dtype=torch.float32)[:, None, None].expand(1, 3, SIZE, SIZE)
        picture = clip.encode_image(pixels)
        texts = [text for m in readable for text in (f"colour {m}", f"the {m} hue")]
        for column, text in enumerate(texts):
            ids, mask = map(torch.from_numpy, tokenizer([text]))
            read = clip.encode_text(ids, mask)
            if clip.config.objective == "late":
                real = read.tokens[0][read.mask[0]]
                scores[row, column] = np.mean([(picture.tokens[0] @ t).max() for t in real])
            else:
                scores[row, column] = (picture.pooled * read.pooled).sum()
    first = scores.argmax(axis=0) == np.repeat(np.arange(9), 2)
    assert result.metrics["t2i_r1"] == pytest.approx(first.mean())
    assert result.metrics["i2t_r1"] == pytest.approx(
        np.mean(scores.argmax(axis=1) // 2 == np.arange(9))
    )


@pytest.mark.parametrize("model", ["linear"], indirect=True)
def test_what_a_split_names_is_counted_and_its_folder_is_named_by_its_variable(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLKIT_DATA", str(data.parent))
    (data / "images" / "5.png").unlink()
    named = [*range(10), 0]
    (data / "dev.txt").write_text("\n".join(f"{n}.png" for n in named))
    result = evaluate.evaluate_retrieval(str(model), data, split="dev")
    assert result.counts == {"images": 8, "captions": 16, "skipped": 2}
    assert result.command.endswith(" --data $VLKIT_DATA/photos --split dev")


def test_a_model_without_tokenizer_says_what_to_do(model: Path, data: Path) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        evaluate.evaluate_retrieval(str(model), data)


def test_no_readable_picture_is_one_error(model: Path, data: Path) -> None:
    for picture in (data / "images").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of its 10 pictures"):
        evaluate.evaluate_retrieval(str(model), data)
