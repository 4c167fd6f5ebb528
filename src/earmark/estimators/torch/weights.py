"""Published weights, by name with a checksum or from a file: safetensors, never a pickle."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.storage import make_folder, user_dirs, write_atomic

FOLDER_VARIABLE = "EARMARK_WEIGHTS"

# Of the tensors, not of the file, so that it does not matter who converted them.
KNOWN = {"mn04_as": "3d5b2a83f113fbc304db6353eb2b20aad52b3eaef1a6d2cd3d56cbc612bad13c"}

# What those who published them state, for the card of whatever builds on them.
_IMAGENET = {
    "licence": "Apache-2.0",
    "training_data": [{"name": "ImageNet-1k"}],
    "limits": ["Trained on photographs, not on sound."],
}
ORIGINS: dict[str, dict[str, Any]] = {
    "mn04_as": {"licence": "MIT", "training_data": [{"name": "AudioSet"}]},
    "microsoft/resnet-34": _IMAGENET,
    "microsoft/resnet-50": _IMAGENET,
}


def load_published(source: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors of published weights, verified where their digest is known.

    Parameters
    ----------
    source : str or path
        A name of `KNOWN`, looked for as ``<name>.safetensors`` in the folder that the environment variable
        EARMARK_WEIGHTS names and in ``weights`` of the user's cache; or a file.

    Raises
    ------
    ModelError
        There is no such file, it is no safetensors file, or not what its name promises.
    """
    name = os.fspath(source)
    path = _find(name) if name in KNOWN else Path(name)
    tensors = _read(path)
    if name in KNOWN and digest(tensors) != KNOWN[name]:
        raise ModelError(
            f"{path} is not {name}: its tensors have the digest {digest(tensors)}, not {KNOWN[name]}",
            hint="Try: convert or copy it again; or give the path, if these are weights of your own.",
        )
    return tensors


def as_base(source: str | os.PathLike[str], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Entry of `ModelCard.based_on` for a network that starts from published weights.

    Parameters
    ----------
    source : str or path
        As it was given for the weights.
    tensors : dict of str to Tensor
        The weights.
    """
    name = os.fspath(source)
    facts = ORIGINS.get(name, {"limits": ["Its licence and its training data are not known."]})
    return {"name": Path(name).name or name, "sha256": digest(tensors), **facts}


def digest(tensors: dict[str, Tensor]) -> str:
    """64 hex digits of names, shapes and values; counters of batches left out."""
    facts = hashlib.sha256()
    for name in sorted(tensors):
        if not name.endswith("num_batches_tracked"):
            values = tensors[name].to(torch.float32).contiguous()
            facts.update(f"{name}{tuple(values.shape)}".encode())
            facts.update(values.numpy().tobytes())
    return facts.hexdigest()


def convert(pickle: str | os.PathLike[str], target: str | os.PathLike[str]) -> str:
    """Rewrite a published ``.pt`` of weights as safetensors; nothing in it is run.

    Parameters
    ----------
    pickle : path
        Such as ``mn04_as_mAP_432.pt`` of https://github.com/fschmid56/EfficientAT/releases.
    target : path
        Where to, such as ``~/.cache/earmark/weights/mn04_as.safetensors``.

    Returns
    -------
    str
        The digest of the tensors.
    """
    from safetensors.torch import save

    tensors = torch.load(pickle, weights_only=True, map_location="cpu")
    tensors = {name: value.contiguous().clone() for name, value in tensors.items()}
    make_folder(Path(target).parent)
    write_atomic(target, save(tensors))
    return digest(tensors)


def _find(name: str) -> Path:
    folders = [user_dirs().cache / "weights"]
    if os.environ.get(FOLDER_VARIABLE):
        folders.insert(0, Path(os.environ[FOLDER_VARIABLE]))
    for folder in folders:
        if (folder / f"{name}.safetensors").is_file():
            return folder / f"{name}.safetensors"
    raise ModelError(
        f"there is no {name}.safetensors in {' or '.join(map(str, folders))}",
        hint=f"Try: put it there, name its folder in {FOLDER_VARIABLE}, or give its path; docs/networks.md "
        "states where it is published and how to convert it.",
    )


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"weights {path} cannot be read: {error}",
            hint=f"Accepted: a safetensors file, or {', '.join(KNOWN)}.",
        ) from error
    return tensors
