"""Weights of others, by name with a checksum or from a file: safetensors, and no pickle."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.estimators.torch.mobilenet import MobileNet

FOLDER_VARIABLE = "EARMARK_WEIGHTS"

# Of the tensors, not of the file, so that it does not matter who converted them.
KNOWN = {"mn04_as": "3d5b2a83f113fbc304db6353eb2b20aad52b3eaef1a6d2cd3d56cbc612bad13c"}


def load_mobile(source: str | os.PathLike[str]) -> MobileNet:
    """Published weights of a mobile network, its width read off them.

    Parameters
    ----------
    source : str or path
        A name of `KNOWN`, looked for as ``<name>.safetensors`` in the folder that the environment variable
        EARMARK_WEIGHTS names and in ``~/.cache/earmark/weights``; or a file.

    Raises
    ------
    ModelError
        There is no such file, it is no safetensors file, not of this network, or not what its name promises.
    """
    name = os.fspath(source)
    path = _find(name) if name in KNOWN else Path(name)
    tensors = _read(path)
    if name in KNOWN and digest(tensors) != KNOWN[name]:
        raise ModelError(
            f"{path} is not {name}: its tensors have the digest {digest(tensors)}, not {KNOWN[name]}",
            hint="Convert or copy it again; or give the path, if these are weights of your own.",
        )
    try:
        hidden = tensors["classifier.2.weight"].shape[0]
        network = MobileNet(hidden / 1280)
        loose = network.load_state_dict(tensors, strict=False)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"{path} does not hold a mobile network of EfficientAT: {str(error).splitlines()[0]}"
        ) from error
    wrong = [
        *loose.unexpected_keys,
        *(k for k in loose.missing_keys if not k.endswith("num_batches_tracked")),
    ]
    if wrong:
        raise ModelError(f"{path}: tensors that do not fit: {', '.join(wrong[:3])}")
    return network


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
    from safetensors.torch import save_file

    tensors = torch.load(pickle, weights_only=True, map_location="cpu")
    tensors = {name: value.contiguous().clone() for name, value in tensors.items()}
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target)
    return digest(tensors)


def _find(name: str) -> Path:
    folders = [Path.home() / ".cache" / "earmark" / "weights"]
    if os.environ.get(FOLDER_VARIABLE):
        folders.insert(0, Path(os.environ[FOLDER_VARIABLE]))
    for folder in folders:
        if (folder / f"{name}.safetensors").is_file():
            return folder / f"{name}.safetensors"
    raise ModelError(
        f"there is no {name}.safetensors in {' or '.join(map(str, folders))}",
        hint=f"Put it there, name its folder in {FOLDER_VARIABLE}, or give its path; docs/networks.md says "
        "where it is published and how to convert it.",
    )


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"weights {path} cannot be read: {error}", hint="Give a safetensors file, or a known name."
        ) from error
    return tensors
