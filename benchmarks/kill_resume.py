"""Kill `earmark train` and `earmark features` at random moments, resume, compare with a run left in peace.

    python benchmarks/kill_resume.py [--kills 10] [--models logistic,cnn] [--seed 0]

A round starts from nothing (features, too, are computed anew) and is killed, resumed, killed ... until it
ends; then its files are compared byte for byte with those of the uninterrupted run. Rounds are added until
there were as many kills as asked for. Only processes that this script started are killed, each by its own id.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from earmark.demo import STYLES, demo_clip

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
N_CLIPS = 12  # of each style
SECONDS = 4.0
EXTRA = {"cnn": ["--set", "epochs=6"]}  # enough steps to be caught between two of them


@dataclass
class Tally:
    """What happened to one command."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    identical: int = 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {name}" for name, n in sorted(self.kills.items()))
        total = sum(self.kills.values())
        same = f"identical at the end: {self.identical}/{self.rounds}"
        return f"{total} kills ({kinds}) in {self.rounds} rounds; {same}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--models", default="logistic,cnn")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    good = True
    with tempfile.TemporaryDirectory(prefix="earmark-kill-") as name:
        place = Path(name)
        music = write_music(place / "music")
        for model in asked.models.split(","):
            good &= report(
                f"train {model}", judge(place, rng, asked.kills, train_command(music, model), result_of_train)
            )
        good &= report(
            "features", judge(place, rng, asked.kills, features_command(music), result_of_features)
        )
    return 0 if good else 1


def report(name: str, tally: Tally) -> bool:
    print(f"{name:16} {tally}", flush=True)
    return tally.identical == tally.rounds


def write_music(folder: Path) -> Path:
    """Three folders of short clips, each in a tempo of its own."""
    for style in STYLES:
        (folder / style).mkdir(parents=True)
        for i in range(N_CLIPS):
            clip = demo_clip(style, seconds=SECONDS, sr=11025, seed=i, bpm=90 + 5 * i)
            with wave.open(str(folder / style / f"{i:02}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(clip.sr)
                file.writeframes((clip.y * 32767).round().astype("<i2").tobytes())
    return folder


Command = Callable[[Path], list[str]]


def train_command(music: Path, model: str) -> Command:
    def command(place: Path) -> list[str]:
        options = ["--model", model, "--out", str(place / "run"), "--cache", str(place / "cache")]
        return ["train", str(music), *options, *EXTRA.get(model, [])]

    return command


def features_command(music: Path) -> Command:
    return lambda place: ["features", str(music), "-o", str(place / "table.csv")]


def result_of_train(place: Path) -> dict[str, bytes]:
    bundle = place / "run" / "bundle"
    return {path.name: path.read_bytes() for path in sorted(bundle.iterdir())}


def result_of_features(place: Path) -> dict[str, bytes]:
    # A signal saves what is finished, whatever its turn: the rows are the same, their order may not be.
    rows = (place / "table.csv").read_bytes().splitlines()
    return {"table.csv": b"\n".join([rows[0], *sorted(rows[1:])])}


def judge(
    place: Path, rng: random.Random, kills: int, command: Command, result: Callable[[Path], dict[str, bytes]]
) -> Tally:
    """Run once in peace, then rounds of kills."""
    peace = fresh(place / "peace")
    begun = time.monotonic()
    started(command(peace)).wait()
    needed = time.monotonic() - begun
    wanted = result(peace)
    tally = Tally()
    while sum(tally.kills.values()) < kills:
        war = fresh(place / "war")
        wait_and_kill(command(war), needed, rng, tally, kills)
        tally.rounds += 1
        tally.identical += result(war) == wanted
    return tally


def wait_and_kill(command: list[str], needed: float, rng: random.Random, tally: Tally, kills: int) -> None:
    """Start the command again and again until it ends by itself."""
    while True:
        process = started(command)
        delay = rng.uniform(0, needed) if sum(tally.kills.values()) < kills else None
        try:
            status = process.wait(delay)
        except subprocess.TimeoutExpired:
            chosen = rng.choice(SIGNALS)
            process.send_signal(chosen)
            status = process.wait()
            # Who ended between the time-out and the signal was not killed.
            if status != 0:
                tally.kills[chosen.name] += 1
                continue
        if status != 0:
            raise SystemExit(f"{' '.join(command)} ended with status {status}")
        return


def started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "earmark", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
