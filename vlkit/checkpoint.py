"""Model folders: ``config.json``, ``model.safetensors``, ``tokenizer.json``, ``README.md``.

Weights lie as ``vlkit.tensors`` says. A model that shares a trunk leaves the trunk's weights out
and names it by id and SHA-256; a trunk of another hash is refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from vlkit import __version__, recipe
from vlkit.errors import CheckpointError, OutputError
from vlkit.files import end_replacing, replace_folder
from vlkit.shelves import WEIGHTS as WEIGHTS
from vlkit.shelves import Trunk, trunk_folder, weight_files, weights_sha256
from vlkit.tensors import load_tensors as load_tensors
from vlkit.tensors import load_weight_files as load_weight_files
from vlkit.tensors import save_tensors as save_tensors

CONFIG, TOKENIZER, CARD = "config.json", "tokenizer.json", "README.md"


@dataclass(frozen=True)
class ModelFolder:
    """What a model folder holds; ``weights`` are whole, those of the trunk among them."""

    path: Path
    model: str
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    tokenizer: Path | None = None
    trunk: Trunk | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], *, file: object = None) -> None:
    """Load all weights by name and shape, with nothing left over on either side.

    Raises:
        CheckpointError: They are of another architecture; the module is as it was.
    """
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in weights]
    left = [name for name in weights if name not in wanted]
    other = [
        f"{name} is {tuple(weights[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in weights and weights[name].shape != wanted[name].shape
    ]
    found = [
        f"{len(names)} {what} ({names[0]})"
        for names, what in (
            (other, "of another shape"),
            (missing, "missing"),
            (left, "that it does not have"),
        )
        if names
    ]
    if found:
        raise CheckpointError(
            f"these weights are not of this {type(module).__name__}: {', '.join(found)}",
            remedy="Take the config that they were saved with",
            file=file,
        )
    module.load_state_dict(dict(weights))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_folder(
    folder: Path,
    *,
    model: str,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    tokenizer: Path | None = None,
    card: str | None = None,
    trunk: tuple[Path, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model folder, whole or not at all; one that stands there is replaced.

    A tokenizer, a card and its facts that stand there stay, where no others are given.

    Args:
        model: Name in the table of models.
        config: What ``recipe.to_table`` gives.
        tokenizer: A ``tokenizer.json`` to copy.
        trunk: Folder of the trunk, and what its weights' names begin with in this model.
        facts: More for ``config.json``, e.g. how pictures are normalised.

    Raises:
        CheckpointError: The weights differ from those of the trunk.
        OutputError: The folder can't be written.
    """
    described: dict[str, Any] = {"model": model, "config": dict(config), **(facts or {})}
    own = dict(weights)
    if trunk is not None:
        described["trunk"], own = _without_trunk(own, *trunk)
    place = folder.resolve() if folder.is_symlink() else folder
    if card is None and (known := _card_facts(place, model)) is not None:
        described = {"card": known, **described}
    beside = place.with_name(f".writing-{place.name}")
    try:
        end_replacing(place)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        save_tensors(beside / WEIGHTS, own)
        text = json.dumps({**described, "vlkit": __version__}, indent=1, ensure_ascii=False)
        (beside / CONFIG).write_text(text + "\n", encoding="utf-8")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, beside / TOKENIZER)
        if card is not None:
            (beside / CARD).write_text(card, encoding="utf-8")
        for name in (TOKENIZER, CARD):
            if (place / name).exists() and not (beside / name).exists():
                shutil.copyfile(place / name, beside / name)
        replace_folder(place, beside)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        with suppress(OSError):
            end_replacing(place)
        raise OutputError(
            f"the model can't be written: {error.strerror or error}",
            remedy="Check that there is room and that the folder beside it is writable",
            file=folder,
        ) from error
    return folder


def _card_facts(folder: Path, model: str) -> Any:
    """What the card of the model that stands in a folder was made from, if it has one."""
    try:
        described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(described, dict) and described.get("model") == model
    return described.get("card") if known else None


def _without_trunk(
    weights: dict[str, Tensor], folder: Path, prefix: str
) -> tuple[dict[str, str], dict[str, Tensor]]:
    for name, tensor in load_weight_files(folder).items():
        mine = weights.pop(prefix + name, None)
        if mine is None or not torch.equal(mine.cpu(), tensor):
            raise CheckpointError(
                f"{prefix}{name} is not the trunk's",
                remedy="Train with the trunk frozen, or save a standalone model",
                file=folder,
            )
    hashed = weights_sha256(folder)
    return {"name": folder.name, "sha256": hashed, "prefix": prefix}, weights


def load_folder(folder: Path) -> ModelFolder:
    """Read a model folder, its trunk from beside it or from one of the shelves.

    Raises:
        CheckpointError: A file is missing, damaged or pickled, or the trunk is another one.
    """
    described = read_config(folder)
    pickled = [name for name in ("pytorch_model.bin", "model.pt") if (folder / name).exists()]
    if pickled and not weight_files(folder):
        load_tensors(folder / pickled[0])
    weights = load_weight_files(folder)
    trunk = recipe.parse(described.pop("trunk"), Trunk) if "trunk" in described else None
    if trunk is not None:
        stem = load_weight_files(trunk_folder(trunk, folder))
        weights |= {trunk.prefix + name: weight for name, weight in stem.items()}
    tokenizer = folder / TOKENIZER
    return ModelFolder(
        folder,
        described.pop("model"),
        described.pop("config"),
        weights,
        tokenizer if tokenizer.exists() else None,
        trunk,
        described,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says."""
    try:
        described: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"there is no model here: {CONFIG} is missing",
            remedy="Name a folder that `vlkit train` or save_pretrained wrote",
            file=folder,
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{CONFIG} can't be read: {error}", file=folder) from error
    if not isinstance(described.get("model"), str) or "config" not in described:
        raise CheckpointError(f"{CONFIG} is not that of a vlkit model", file=folder)
    return described


def resolve(
    source: str | Path,
    *,
    kinds: Sequence[tuple[str, ...]] = ((CONFIG, WEIGHTS),),
    revision: str | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """The folder behind a path or a hub id (``owner/name``), fetched where it must be.

    Args:
        kinds: Files that make a model; the first whose files are all there counts.

    Raises:
        CheckpointError: Nothing is there, or the hub can't be reached.
    """
    if (Path(source) / CONFIG).exists():
        return Path(source)
    if str(source).count("/") != 1 or str(source).startswith((".", "/")) or Path(source).exists():
        read_config(Path(source))
    errors = []
    for needed in kinds:
        try:
            return download(
                str(source),
                needed,
                (TOKENIZER, CARD),
                revision=revision,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
            )
        except CheckpointError as error:
            errors.append(error)
    raise CheckpointError(
        "; ".join(error.problem for error in errors), remedy=errors[0].remedy
    ) from errors[0]


def download(
    hub: str,
    needed: Sequence[str],
    helpful: Sequence[str] = (),
    *,
    revision: str | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Fetch files of a hub id into the hub's own cache; gives their folder.

    Args:
        helpful: Files that may be missing there.

    Raises:
        CheckpointError: One that is needed is not there, or the hub can't be reached.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HTTPError  # type: ignore[attr-defined]

    found = Path()
    for name in (*needed, *helpful):
        try:
            file = hf_hub_download(
                hub,
                name,
                revision=revision,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
            )
        except (EntryNotFoundError, HTTPError, OSError, ValueError) as error:
            if name in needed:
                raise _unreachable(hub, name, error) from error
        else:
            found = Path(file).parent
    return found


def _unreachable(source: str | Path, name: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{name} of {source} is not here and can't be fetched: {_reason(error)}",
        remedy=f"Where there is a network, run `vlkit models fetch {source}`, or carry the "
        "folder in and give its path",
    )


def _reason(error: Exception) -> str:
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


class Pretrained(nn.Module):
    """Hugging Face's three conventions for a model class of ours.

    A class gives its name in the table of models, its ``Config`` dataclass, ``from_config``, and
    sets ``self.config``.
    """

    model_name: ClassVar[str]
    Config: ClassVar[type[Any]]
    config: Any

    @classmethod
    def from_config(cls, config: Any) -> Self:
        raise NotImplementedError

    @classmethod
    def from_folder(cls, folder: ModelFolder) -> Self:
        """The model in a folder that was read.

        Raises:
            CheckpointError: It holds another model, or weights of another architecture.
        """
        if folder.model != cls.model_name:
            raise CheckpointError(
                f"this folder holds a {folder.model}, not a {cls.model_name}",
                remedy="Open it with vlkit.load, which takes any",
                file=folder.path,
            )
        model = cls.from_config(recipe.parse(folder.config, cls.Config, where="config"))
        load_weights(model, folder.weights, file=folder.path / WEIGHTS)
        return model.eval()

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        cache_dir: Path | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """The model in a folder or behind a hub id."""
        folder = resolve(
            source, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        return cls.from_folder(load_folder(folder))

    def save_pretrained(self, folder: str | Path, *, tokenizer: Path | None = None) -> Path:
        """Write a standalone model folder."""
        return save_folder(
            Path(folder),
            model=self.model_name,
            config=recipe.to_table(self.config),
            weights=self.state_dict(),
            tokenizer=tokenizer,
        )

    def push_to_hub(
        self,
        repo_id: str,
        folder: str | Path,
        *,
        private: bool = True,
        token: str | None = None,
        commit_message: str = "Upload a vlkit model",
    ) -> str:
        """Save into a folder and upload it; gives the commit's address.

        A ``tokenizer.json`` and a ``README.md`` that lie in the folder go with the model, and
        nothing else does.

        Raises:
            CheckpointError: The hub can't be reached or refuses; the folder stays.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

        self.save_pretrained(folder)
        api = HfApi(token=token)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            uploaded = api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                allow_patterns=[CONFIG, WEIGHTS, TOKENIZER, CARD],
                commit_message=commit_message,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise CheckpointError(
                f"{repo_id} can't be uploaded: {_reason(error)}",
                remedy="The folder is written; where there is a network and a token "
                f"(`hf auth login`), run `hf upload {repo_id} {folder}`",
                file=folder,
            ) from error
        return str(uploaded)
