"""Arms of the studies differ in what they say and in nothing else; their measures are right."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("transformers")

from benchmarks.arms import cgvlm, photos, pooling  # noqa: E402
from benchmarks.arms.grid import settings_key  # noqa: E402
from benchmarks.arms.runs import Course, gflop_of, train_by  # noqa: E402
from tests.photos import noise, write_photos  # noqa: E402
from vlkit.data.bpe import CaptionTokenizer, train_bpe  # noqa: E402

CAPTIONS = tuple(tuple(f"photo {n} says {k}" for k in range(5)) for n in range(40))
SEEN = np.random.default_rng(0).normal(size=(40, 4, 24)).astype(np.float32)
PHOTOS = photos.Photos(np.zeros((40, 8, 8, 3), np.uint8), CAPTIONS)
TOWER = replace(cgvlm.RANDOM_TOWER, image_size=32, width=24, depth=1, heads=2)


@pytest.fixture(scope="module")
def words():
    return CaptionTokenizer(train_bpe([text for said in CAPTIONS for text in said], 300), 24)


@pytest.fixture(scope="module")
def language(tmp_path_factory, words):
    start, end = words.entries - 2, words.entries - 1
    tiny = {
        "vocab_size": words.entries,
        "num_hidden_layers": 1,
        "bos_token_id": start,
        "eos_token_id": end,
    }
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("language")
    cgvlm.NextToken(cgvlm.LANGUAGE | tiny).language.save_pretrained(folder)
    return folder


def weights(model):
    return dict(model.state_dict())


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


# ---- photos -----------------------------------------------------------------------------------


def test_a_larger_share_holds_the_smaller():
    tenth, whole = (set(photos.share_of(40, share, seed=3).tolist()) for share in (0.1, 1.0))
    assert len(tenth) == 4
    assert tenth < whole == set(range(40))
    assert tenth != set(photos.share_of(40, 0.1, seed=4).tolist())


def test_pairs_are_a_photo_with_one_of_its_own_captions(words):
    source = photos.Pairs(
        CAPTIONS, lambda index, draw: np.float32([index, draw.random()]), words, 5
    )
    whole = source.load(range(80))
    first, again = source.load(range(30)), source.load(range(30))
    assert {name: tensor[:30].tolist() for name, tensor in whole.batch.items()} == {
        name: tensor.tolist() for name, tensor in first.batch.items()
    }
    assert same(first.batch, again.batch)
    said = set()
    for key, seen, ids, mask in zip(whole.keys, *whole.batch.values(), strict=True):
        text = words.tokenizer.decode(ids[mask].tolist()).strip()
        assert text in CAPTIONS[int(key)]
        assert int(seen[0]) == int(key)
        said.add(text)
    assert sorted(whole.keys[:40], key=int) == [str(n) for n in range(40)]
    assert len(said) > 40


def test_photos_are_read_once_and_alike(tmp_path):
    write_photos(tmp_path / photos.PHOTOS, noise(3), ["{n}", "again {n}"])
    (tmp_path / photos.PHOTOS / "train.txt").write_text("2.png\n0.png\n")
    read = photos.photos(tmp_path, "train", folder=tmp_path / "kept")
    assert read.captions == (("2", "again 2"), ("0", "again 0"))
    np.testing.assert_array_equal(read.pixels, np.stack([noise(3)[2], noise(3)[0]]))
    for picture in (tmp_path / photos.PHOTOS / "images").iterdir():
        picture.write_bytes(b"no longer a picture")
    kept = photos.photos(tmp_path, "train", folder=tmp_path / "kept")
    np.testing.assert_array_equal(kept.pixels, read.pixels)


def test_what_two_processes_make_at_once_is_there_once(tmp_path):
    def folder(path):
        path.mkdir()
        (path / "mine").touch()
        if not (tmp_path / "made").exists():  # the other process is faster
            (tmp_path / "made").mkdir()
            (tmp_path / "made" / "theirs").touch()

    made = photos.kept(tmp_path / "made", folder)
    assert [file.name for file in made.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


# ---- CG-VLM -----------------------------------------------------------------------------------


def test_arms_of_cgvlm_differ_in_the_contrast_and_the_share(language, words):
    models = {arm: cgvlm.model_of(arm, TOWER, language, seed=1) for arm in cgvlm.ARMS}
    first = models["without 100 %"]
    for arm, model in models.items():
        weight = 1.0 if arm.startswith("with ") else 0.0
        assert model.config == replace(first.config, contrast_weight=weight)
        assert same(weights(model), weights(first)), arm
    assert not same(weights(first), weights(cgvlm.model_of("with 10 %", TOWER, language, seed=2)))


def test_arms_of_a_share_meet_the_same_batches(words):
    batches = {
        arm: cgvlm.source_of(arm, SEEN, PHOTOS, words, seed=1).load(range(20)).batch
        for arm in cgvlm.ARMS
    }
    for share in ("100 %", "10 %"):
        assert same(batches[f"with {share}"], batches[f"without {share}"])
    few = {tuple(each.flatten().tolist()) for each in batches["with 10 %"]["pixels"]}
    assert len(few) == 4
    chosen = photos.share_of(40, 0.1, seed=1)
    assert few == {tuple(each.flatten().tolist()) for each in SEEN[chosen]}


def test_photos_of_a_share_keep_their_own_captions(words):
    source = cgvlm.source_of("with 10 %", SEEN, PHOTOS, words, seed=1)
    loaded = source.load(range(8)).batch
    for seen, ids, mask in zip(*loaded.values(), strict=True):
        number = next(n for n in range(40) if np.array_equal(SEEN[n], seen.numpy()))
        assert words.tokenizer.decode(ids[mask].tolist()).strip() in CAPTIONS[number]


def test_the_contrast_alone_moves_the_arms_apart(language, words):
    course = Course(steps=3, batch=8, rate=1e-2, warmup=1)
    trained, work = {}, {}
    for arm in ("without 100 %", "with 100 %"):
        model = cgvlm.model_of(arm, TOWER, language, seed=1)
        before = {name: value.clone() for name, value in weights(model).items()}
        source = cgvlm.source_of(arm, SEEN, PHOTOS, words, seed=1)
        work[arm] = gflop_of(model, source.load(range(8)).batch)
        assert same(weights(model), before)
        assert all(each.grad is None for each in model.parameters())
        train_by(course, model, source, seed=1, stage="align")
        changed = {name for name, value in weights(model).items() if not value.equal(before[name])}
        assert changed <= {name for name in before if name.startswith("adapter.")} | {"scale"}
        trained[arm] = weights(model)
        assert trained[arm]["scale"].equal(before["scale"]) == (arm == "without 100 %")
    assert not same(*trained.values())
    assert len(set(work.values())) == 1


def test_the_language_model_reads_every_caption_of_a_photo_as_one_text(words):
    loaded = cgvlm.Texts(CAPTIONS, words, seed=0).load(range(6))
    start = words.entries - 2
    for key, ids, mask in zip(loaded.keys, *loaded.batch.values(), strict=True):
        parts = np.split(ids[mask], np.flatnonzero(ids[mask] == start))[1:]
        said = [words.tokenizer.decode(part.tolist()).strip() for part in parts]
        assert sorted(said) == sorted(CAPTIONS[int(key)])
    assert not same(cgvlm.Texts(CAPTIONS, words, seed=1).load(range(6)).batch, loaded.batch)


def test_the_language_model_predicts_all_but_the_marks_that_begin(words):
    start = words.entries - 2
    torch.manual_seed(0)
    task = cgvlm.NextToken(cgvlm.LANGUAGE | {"bos_token_id": start}).eval()
    batch = cgvlm.Texts(CAPTIONS, words, seed=0).load(range(2)).batch
    reps = task.encode(batch)
    for ids, mask, total, count in zip(*batch.values(), *reps.values(), strict=True):
        text = ids[mask]
        sure = task.language(input_ids=text[None]).logits[0].log_softmax(dim=-1)
        costs = [-float(sure[n, token]) for n, token in enumerate(text[1:]) if token != start]
        assert float(total.detach()) == pytest.approx(sum(costs), rel=1e-4)
        assert int(count) == len(costs) == len(text) - 5


def test_perplexities_and_choices_on_likelihoods_that_were_made_up():
    # Photo 1 has every caption likelier than the others have it; captions of two tokens each.
    sums = torch.tensor([[[2.0, 6.0, 6.0], [1.0, 2.0, 4.0], [6.0, 6.0, 5.0]]])
    found = cgvlm.told_apart(sums, torch.full((1, 3), 2))
    assert found["perplexity"] == pytest.approx(math.exp(9 / 6))
    assert found["perplexity_other"] == pytest.approx(math.exp(29 / 12))
    assert found["use"] == pytest.approx(found["perplexity_other"] / found["perplexity"])
    assert found["caption_of_group"] == 1  # though beside photo 1 caption 0 is the likeliest
    assert found["photo_of_group"] == pytest.approx(1 / 3)  # only caption 1 prefers its own


def test_a_model_that_says_the_same_of_everything_finds_nothing():
    found = cgvlm.told_apart(torch.ones(2, 4, 4), torch.ones(2, 4))
    assert found["use"] == 1
    assert found["caption_of_group"] == found["photo_of_group"] == 0


class Knowing(torch.nn.Module):
    """Each token costs 1 beside the own photo, and beside another what ``blind`` says."""

    def __init__(self, texts, words, blind):
        super().__init__()
        self.ids, self.mask = (torch.from_numpy(each) for each in words(texts))
        self.blind = blind

    def encode(self, batch):
        width = batch["ids"].shape[1]
        photo = batch["pixels"][:, 0, 0].long()
        own = (self.ids[photo, :width] == batch["ids"]).all(dim=1)
        counts = batch["mask"].sum(dim=1) - 1
        text = (self.ids[:, None, :width] == batch["ids"]).all(dim=2).int().argmax(dim=0)
        return {
            "caption_sum": counts * torch.where(own, 1.0, self.blind),
            "caption_count": counts,
            "patches": torch.nn.functional.one_hot(photo, len(self.ids)).float(),
            "tokens": torch.nn.functional.one_hot(text, len(self.ids)).float(),
        }


@pytest.mark.parametrize("blind", [1.0, 3.0])
def test_pictures_of_others_are_told_from_the_own(words, blind):
    dev = photos.Photos(PHOTOS.pixels[:20], CAPTIONS[:20])
    seen = np.arange(20, dtype=np.float32).reshape(20, 1, 1)
    model = Knowing([said[0] for said in dev.captions], words, blind)
    found = cgvlm.measured(model, seen, dev, words, group=5)
    assert found["perplexity"] == pytest.approx(math.e)
    assert found["perplexity_other"] == pytest.approx(math.exp(blind))
    assert found["use"] == pytest.approx(math.exp(blind - 1))
    assert found["caption_of_group"] == found["photo_of_group"] == float(blind > 1)
    assert found["t2i_r10"] == found["i2t_r10"] == 1.0


def test_lines_of_another_trunk_do_not_count(tmp_path, monkeypatch):
    keys, named = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        cgvlm.ImageTrunk.from_config(TOWER).save_pretrained(tmp_path / f"trunk-{seed}")
        monkeypatch.setattr(cgvlm, "trunk_folder", lambda seed=seed: tmp_path / f"trunk-{seed}")
        keys.append(settings_key(cgvlm.STUDY, quick=False))
        named.append(cgvlm.settings(quick=False)["trunk"])
    assert keys[0] != keys[1]
    assert named[0]["name"] == "trunk-0"
    assert named[0]["sha256"] == cgvlm.sha256(tmp_path / "trunk-0" / "model.safetensors")


# ---- pooling ----------------------------------------------------------------------------------


def test_arms_of_pooling_differ_in_the_pooling_alone():
    configs = {arm: pooling.config_of(arm) for arm in pooling.ARMS}
    first = configs["mean"]
    for arm in ("latent attention", "end token"):
        assert replace(configs[arm], text_projection=first.text_projection) == first
    deeper = configs["mean, one block more"]
    assert replace(deeper, text=replace(deeper.text, depth=first.text.depth)) == first
    assert len({config.text_projection for config in configs.values()}) == 3


def test_arms_of_pooling_start_with_the_same_towers():
    models = {arm: pooling.model_of(arm, seed=1) for arm in pooling.ARMS}
    towers = {
        arm: {
            name: value
            for name, value in model.state_dict().items()
            if not name.startswith("text_projection.")
        }
        for arm, model in models.items()
    }
    assert same(towers["mean"], towers["latent attention"])
    assert same(towers["mean"], towers["end token"])
    assert same(
        models["mean"].image.state_dict(), models["mean, one block more"].image.state_dict()
    )


def test_the_text_tower_is_causal_and_pools_as_the_arm_says():
    ids = torch.tensor([[8190, 5, 6, 7, 8191, 0, 0], [8190, 5, 6, 9, 8191, 0, 0]])
    mask = torch.tensor([[True] * 5 + [False] * 2] * 2)
    vectors = {}
    for arm in ("mean", "end token"):
        model = pooling.model_of(arm, seed=0).eval()
        with torch.no_grad():
            tokens = model.text(ids, mask).tokens
            vectors[arm] = model.encode_text(ids, mask).pooled
        torch.testing.assert_close(tokens[0, :3], tokens[1, :3])
        assert not torch.allclose(tokens[0, 4], tokens[1, 4])
    norm = torch.nn.functional.normalize
    torch.testing.assert_close(vectors["mean"], norm(tokens[:, :5].mean(dim=1), dim=-1))
    torch.testing.assert_close(vectors["end token"], norm(tokens[:, 4], dim=-1))


def test_the_added_block_costs_what_latent_attention_costs():
    batch = {
        "pixels": torch.zeros(2, 3, 96, 96),
        "ids": torch.randint(1, 8000, (2, pooling.LENGTH)),
        "mask": torch.ones(2, pooling.LENGTH, dtype=torch.bool),
    }
    work = {arm: gflop_of(pooling.model_of(arm, 0), batch) for arm in pooling.ARMS}
    assert work["mean, one block more"] == pytest.approx(work["latent attention"], rel=0.05)
    assert work["mean"] == pytest.approx(work["end token"], rel=0.01)
