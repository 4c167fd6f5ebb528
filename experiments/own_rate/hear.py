"""What each pair of ears says of every clip: made once for each collection, then read from the cache.

    python hear.py ../../../shared RUNS panda4q mirex_mood ...

For each clip, by windows of 3 s (`shipped`, `mn22`, `msd22`) or as the taggers were trained (`mn32`: 10 s every 5 s at
32 kHz; `msd16`: 29 s at 16 kHz).
"""

from __future__ import annotations

import csv
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import ears
import numpy as np
import onnx
import onnxruntime
import teachers
import torch

from earmark import load, log_mel
from earmark.features.subsonic import SubsonicFilter
from earmark.models import load_model
from earmark.models.windows import cut_windows

HEARD = "/ears/Concat_output_0"  # what the heads of earmark-lite take
WHOLE = ("own_songs", "panda4q", "mirex_mood")  # asked also as the taggers were trained
FOLDERS = {"own_songs": "exam", "emotify": "exam"}


class Listener:
    def __init__(self, shared: Path) -> None:
        torch.set_num_threads(1)
        folder = shared / "teacher"
        self.mn, self.msd = (
            ears.MnEars(folder / "mn04_as.safetensors").eval(),
            ears.TagEars(folder / "fcn_msd.safetensors"),
        )
        self.taggers = teachers.Teachers(folder)
        model = load_model("earmark-lite")
        self.card = model.card
        graph = onnx.load_from_string(model.weights)
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(HEARD))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    @torch.no_grad()
    def windows(self, y: np.ndarray) -> dict[str, np.ndarray]:
        """What is said of windows of sound at 22,050 Hz."""
        need = 129 * 512
        if len(y) < need:
            y = np.resize(y, need)
        subsonic = SubsonicFilter(ears.MN.sr)
        y = np.concatenate([subsonic.push(y), subsonic.close()])
        starts, X = cut_windows(log_mel(y), self.card)
        names = [HEARD, "genres", "quadrant", "moods", "sound", "embedding"]
        out = dict(zip(["shipped", *names[1:]], self.session.run(names, {"S_db": X}), strict=True))
        S_db = log_mel(y, ears.MN)
        out["mn22"] = self.mn(ears.cut(S_db, starts, ears.MN)).numpy()
        out["msd22"] = self.msd(ears.cut(log_mel(y, ears.TAG), starts, ears.TAG)).numpy()
        return out

    def __call__(self, path: Path, own: bool) -> dict[str, np.ndarray]:
        out = self.windows(load(path).y)
        if own:
            said = self.taggers.hear(teachers.decode(path, 32000), teachers.decode(path, 16000))
            out |= {"mn32": said["mn04"], "msd16": said["msd"], "jamendo16": said["jamendo"]}
        return {name: values.astype(np.float16) for name, values in out.items()}


@cache
def listener(shared: Path) -> Listener:
    return Listener(shared)


def heard(job: tuple[Path, Path, bool]) -> dict[str, np.ndarray]:
    shared, path, own = job
    return listener(shared)(path, own)


def clips(shared: Path, collection: str) -> list[tuple[str, Path]]:
    folder = shared / FOLDERS.get(collection, "data") / collection
    with (folder / "tracks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        (r["id"], folder / (r.get("path") or r["audio"])) for r in rows if r.get("path") or r.get("audio")
    ]


def main(shared: Path, runs: Path, collections: list[str]) -> None:
    for collection in collections:
        file = runs / f"{collection}.npz"
        if file.exists():
            continue
        todo = clips(shared, collection)
        found = {}
        with ProcessPoolExecutor(2) as pool:
            jobs = [(shared, path, collection in WHOLE) for _, path in todo]
            for (name, _), said in zip(todo, pool.map(heard, jobs, chunksize=4), strict=True):
                found |= {f"{name}|{ear}": values for ear, values in said.items()}
        np.savez(file, **found)
        print(collection, len(todo), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
