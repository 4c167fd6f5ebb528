"""The state of a training between two epochs, as a file of safetensors; never a pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.estimators.torch.layers import Network
from earmark.storage import make_folder, write_atomic

Metrics = dict[str, float]


@dataclass
class State:
    """Everything that a training goes on from, between two epochs."""

    network: Network
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[Metrics] = field(default_factory=list)
    stale: int = 0  # epochs since the best

    def evaluated(self) -> dict[str, Tensor]:
        """Copy of the weights that are evaluated: the running mean, or the last."""
        values = self.average or self.network.state_dict()
        return {name: value.detach().clone() for name, value in values.items() if name != "steps"}

    def follow(self, keep: float) -> None:
        """Update the running mean of the weights; it decays faster at the start."""
        values = self.network.state_dict()
        if not self.average:
            self.average = {**self.evaluated(), "steps": torch.zeros(())}
            return
        self.average["steps"] += 1
        step = max(1 - keep, 9 / (10 + float(self.average["steps"])))
        for name, value in values.items():
            if value.is_floating_point():
                self.average[name].lerp_(value, step)
            else:
                self.average[name].copy_(value)


class CheckpointFile:
    """The file that an interrupted training goes on from.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    digest : str
        Of everything that decides the result: a checkpoint of another training is refused.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest

    def save(self, state: State) -> None:
        """Write the state, all of it or nothing."""
        from safetensors.torch import save

        tensors = {
            **_named("network", state.network.state_dict()),
            **_named("average", state.average),
            **_named("best", state.best),
            **_optimiser_tensors(state.optimiser),
        }
        facts = {
            "digest": self.digest,
            "history": json.dumps(state.history),
            "stale": str(state.stale),
        }
        # Clones: safetensors refuses tensors that share memory, and orders them in its own way.
        content = save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, facts)
        make_folder(self.path.parent)
        write_atomic(self.path, content)

    def load(self, state: State) -> bool:
        """Fill the state from the file, if there is one.

        Raises
        ------
        ModelError
            The file is damaged, or of another training.
        """
        if not self.path.exists():
            return False
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "pt") as file:
                facts = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"the checkpoint {self.path} cannot be read: {error}", hint="Try: delete it to begin again."
            ) from error
        if facts.get("digest") != self.digest:
            raise ModelError(
                f"the checkpoint {self.path} is of another training",
                hint="Try: delete it, or name another file; its data, parameters or augmentation differ.",
            )
        device = next(state.network.parameters()).device
        state.network.load_state_dict(_part("network", tensors))
        state.average = {name: value.to(device) for name, value in _part("average", tensors).items()}
        state.best = {name: value.to(device) for name, value in _part("best", tensors).items()}
        _fill_optimiser(state.optimiser, _part("optimiser", tensors))
        state.history = json.loads(facts["history"])
        state.stale = int(facts["stale"])
        return True


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"optimiser/{number}/{name}": value
        for number, parameter in enumerate(_parameters(optimiser))
        for name, value in optimiser.state.get(parameter, {}).items()
    }


def _fill_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = _parameters(optimiser)
    for key, value in tensors.items():
        number, name = key.split("/")
        parameter = parameters[int(number)]
        # The count of steps stays on the CPU, as torch has it; the moments lie as the weights do.
        optimiser.state[parameter][name] = (
            value if name == "step" else torch.empty_like(parameter).copy_(value)
        )
