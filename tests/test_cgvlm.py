"""CG-VLM on a language model of a few thousand parameters."""

import itertools
import json
import math
from contextlib import nullcontext
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("transformers")

from vlkit.adapters.config import AdapterConfig  # noqa: E402
from vlkit.errors import ModelError, UnknownName  # noqa: E402
from vlkit.models import load  # noqa: E402
from vlkit.models.cgvlm import STAGES, CgVlm, CgVlmConfig, LanguageModel  # noqa: E402
from vlkit.nn.images import ImageTower  # noqa: E402
from vlkit.training.gradcache import cached_backward  # noqa: E402

BEGIN, END, PAD = 1, 2, 0
LLAMA = LanguageModel(
    "llama",
    {
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "pad_token_id": PAD,
    },
)
TINY = CgVlmConfig(
    image=ImageTower(
        "timm", "vit_base_patch16_224", image_size=32, patch_size=8, width=24, depth=1, heads=2
    ),
    adapter=AdapterConfig("mlp", width=16, hidden=20),
    language=LLAMA,
)


def model_of(config=TINY, stage="align"):
    torch.manual_seed(0)
    model = CgVlm(config)
    model.set_stage(stage)
    return model.train()


def batch_of(size=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.arange(size) % 3 + 4
    place = torch.arange(8)
    ids = torch.randint(3, 40, (size, 8), generator=generator)
    ids[:, 0] = BEGIN
    ids[place == lengths[:, None] - 1] = END
    mask = place < lengths[:, None]
    pixels = torch.randn(size, 3, 32, 32, generator=generator)
    return {"pixels": pixels, "ids": ids.masked_fill(~mask, PAD), "mask": mask}


def step(model, batch):
    return model.loss(model.encode(batch), batch)


@torch.no_grad()
def naive_caption_loss(model, batch):
    """One text at a time, one token at a time, nothing padded."""
    total, count = 0.0, 0
    for pixels, ids, mask in zip(*batch.values(), strict=True):
        visual = model.see(pixels[None]).tokens[0]
        ids = ids[mask]
        for place in range(1, len(ids)):
            words = model.language.get_input_embeddings()(ids[:place])
            inputs = torch.cat([visual, words])[None]
            logits = model.language(inputs_embeds=inputs).logits[0, -1]
            total -= float(logits.log_softmax(-1)[ids[place]])
            count += 1
    return total / count


@torch.no_grad()
def naive_contrast(model, batch):
    visual = model.see(batch["pixels"]).tokens
    words = model.language.get_input_embeddings()(batch["ids"])
    real = batch["mask"] & (batch["ids"] > PAD) & (batch["ids"] > END)
    n = len(visual)
    similar = torch.zeros(n, n)
    for i, j in itertools.product(range(n), range(n)):
        cosines = [
            float(torch.nn.functional.cosine_similarity(patch, word, dim=0))
            for patch in visual[i]
            for word in words[j][real[j]]
        ]
        similar[i, j] = sum(cosines) / len(cosines)
    logits = similar / 0.07
    own = torch.arange(n)
    cross = torch.nn.functional.cross_entropy
    return float((cross(logits, own) + cross(logits.T, own)) / 2)


def test_losses_are_the_formulas():
    model, batch = model_of(), batch_of()
    loss, logs = step(model, batch)
    assert float(logs["caption"]) == pytest.approx(naive_caption_loss(model, batch), abs=1e-4)
    assert float(logs["contrast"]) == pytest.approx(naive_contrast(model, batch), abs=1e-4)
    total = float(logs["caption"] + logs["contrast"])
    assert float(loss.detach()) == pytest.approx(total, abs=1e-5)
    weighted, _ = step(model_of(replace(TINY, contrast_weight=0.5)), batch)
    assert float(weighted.detach()) == pytest.approx(
        float(logs["caption"] + 0.5 * logs["contrast"]), abs=1e-5
    )


def test_answers_alone_are_predicted_where_they_are_marked():
    model, batch = model_of(stage="instruct"), batch_of()
    answer = batch["mask"] & (torch.arange(8) >= 3)
    _, both = step(model, batch)
    _, logs = step(model, batch | {"answer": answer})
    prompt = batch["mask"] & ~answer
    _, rest = step(model, batch | {"answer": prompt})
    counts = [int(answer.sum()), int(prompt.sum()) - len(prompt)]  # nothing predicts the begin
    mixed = (logs["caption"] * counts[0] + rest["caption"] * counts[1]) / sum(counts)
    torch.testing.assert_close(mixed, both["caption"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_trains_its_parts_alone(stage):
    model, batch = model_of(stage=stage), batch_of()
    loss, logs = step(model, batch)
    loss.backward()
    assert ("contrast" in logs) == STAGES[stage].contrast
    groups = model.param_groups()
    assert set(groups) == set(STAGES[stage].trains)
    trained = {parameter for group in groups.values() for parameter in group}
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (parameter in trained), name
        assert (parameter.grad is not None) <= (parameter in trained), name
    assert any(each.grad is not None and each.grad.any() for each in groups["adapter"])
    assert model.language.training == ("language" in STAGES[stage].trains)
    assert model.image.training == ("image" in STAGES[stage].trains)


def test_the_contrast_moves_patches_and_not_the_language():
    model, batch = model_of(stage="align-full"), batch_of()
    reps = model.encode(batch)
    (reps["patches"] @ reps["tokens"].T).diagonal().sum().backward()
    assert all(each.grad is None for each in model.language.parameters())
    assert any(each.grad is not None for each in model.image.parameters())


@pytest.mark.parametrize("regions", [1, 2])
def test_regions_are_averaged_before_the_contrast(regions):
    model, batch = model_of(replace(TINY, regions=regions)), batch_of()
    maps = model.see(batch["pixels"]).tokens.reshape(4, 4, 4, -1)
    side = 4 // regions
    vectors = [
        torch.nn.functional.normalize(
            maps[:, y * side : (y + 1) * side, x * side : (x + 1) * side].mean((1, 2)), dim=-1
        )
        for y, x in itertools.product(range(regions), range(regions))
    ]
    torch.testing.assert_close(model.encode(batch)["patches"], torch.stack(vectors).mean(0))


def test_chunks_of_a_batch_give_the_gradient_of_the_whole():
    found = []
    for chunks in (1, 2):
        model = model_of(stage="align-full")

        class Passes:
            scale = 1.0
            encode = model.encode

            def backward(self, value, last):
                value.backward()

            def part(self, last):
                return nullcontext()

        value, _ = cached_backward(Passes(), model.loss, batch_of(), chunks)
        found.append([value] + [p.grad for p in model.parameters() if p.grad is not None])
    for whole, cut in zip(*found, strict=True):
        torch.testing.assert_close(cut, whole, atol=1e-5, rtol=1e-4)


def test_stages_in_the_papers_order_learn_to_say_what_is_seen():
    model = model_of()
    batch = batch_of()
    torch.manual_seed(0)
    for stage, rate in (("align", 1e-2), ("instruct", 1e-2)):
        model.set_stage(stage)
        parameters = [each for group in model.param_groups().values() for each in group]
        optimizer = torch.optim.Adam(parameters, lr=rate)
        for number in range(1, 61):
            optimizer.zero_grad()
            loss, logs = step(model, batch)
            loss.backward()
            optimizer.step()
            model.after_step(number)
        if stage == "align":
            assert float(logs["top_1"]) == 1.0
            assert float(logs["contrast"]) < math.log(4) / 2
    assert float(logs["caption"]) < 0.1
    model.eval()
    begin = batch["ids"][:, :1]
    written = model.generate(batch["pixels"], begin, torch.ones_like(begin) > 0, limit=7)
    for row, ids, mask in zip(written, batch["ids"], batch["mask"], strict=True):
        caption = ids[mask][1:].tolist()
        assert row[: len(caption)].tolist() == caption


@pytest.mark.parametrize(
    "language",
    [LLAMA, LanguageModel("gpt2", {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2})],
    ids=["llama", "gpt2"],
)
def test_a_saved_model_is_the_same(tmp_path, language):
    model, batch = model_of(replace(TINY, language=language)).eval(), batch_of()
    model.save_pretrained(tmp_path / "saved")
    loaded = load(tmp_path / "saved")
    assert loaded.config == model.config
    assert torch.equal(step(loaded, batch)[0], step(model, batch)[0])


def test_a_language_model_comes_from_its_folder(tmp_path):
    language = model_of().language
    language.save_pretrained(tmp_path / "lm")
    model = model_of(replace(TINY, language=LanguageModel(str(tmp_path / "lm"))))
    assert model.config.language.architecture == "llama"
    assert str(tmp_path) not in str(model.config)
    for ours, theirs in zip(model.language.parameters(), language.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_language_folder_in_half_precision_trains_in_full(tmp_path):
    language = model_of().language.bfloat16()
    language.save_pretrained(tmp_path / "lm")
    model = model_of(replace(TINY, language=LanguageModel(str(tmp_path / "lm"))))
    for ours, theirs in zip(model.language.parameters(), language.parameters(), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs.float())


def test_a_pickled_language_folder_is_refused(tmp_path):
    language = model_of().language
    language.save_pretrained(tmp_path / "lm")
    (tmp_path / "lm" / "model.safetensors").unlink()
    torch.save(language.state_dict(), tmp_path / "lm" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no language model can be made of"):
        model_of(replace(TINY, language=LanguageModel(str(tmp_path / "lm"))))


def test_a_language_folder_that_says_more_than_is_known_can_be_saved(tmp_path):
    model_of().language.save_pretrained(tmp_path / "lm")
    file = tmp_path / "lm" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"made_by": "somebody"}))
    model = model_of(replace(TINY, language=LanguageModel(str(tmp_path / "lm"))))
    model.save_pretrained(tmp_path / "saved")
    assert load(tmp_path / "saved").config == model.config


def test_an_unknown_setting_of_a_language_model_names_its_neighbour():
    settings = {**LLAMA.settings, "hiden_size": 64}
    with pytest.raises(UnknownName, match=r"llama 'hiden_size'\. Did you mean 'hidden_size'"):
        CgVlm(replace(TINY, language=LanguageModel("llama", settings)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adapter": AdapterConfig("linear", width=9)}, "9 wide does not fit"),
        (
            {"adapter": AdapterConfig("resampler", width=16, queries=4, heads=2), "regions": 2},
            "lie on no grid",
        ),
        ({"language": LanguageModel("lama")}, "no language model can be made of 'lama'"),
    ],
)
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ModelError, match=message):
        CgVlm(replace(TINY, **change))


def test_an_unknown_stage_names_the_known_ones():
    with pytest.raises(UnknownName, match="align"):
        model_of().set_stage("alignn")
