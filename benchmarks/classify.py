"""The whole chain, from a 3-minute MP3 to a `Prediction`, on one thread, against librosa.

    python benchmarks/classify.py [--model earmark-base] [--no-memory]

The peer is what a script would do: `librosa.load`, `librosa.feature.melspectrogram`, `power_to_db`, windows
of 3 s, the same network session, the mean. earmark tells tempo and key on top. Both take turns; of each, the
best time counts, in seconds of the processor, so that whatever else runs here does not.
"""

# ruff: noqa: E402 (the number of threads must be set before NumPy is loaded)
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import earmark
from earmark.audio import open_audio
from earmark.features import FeatureSpec, FrameStream, OnsetStream, estimate_key, tempo
from earmark.models import Model, checked_output
from earmark.models.windows import cut_windows

REPEATS = 7
SR = 44100
GOAL_RATIO, GOAL_MB = 2.0, 400
# ru_maxrss keeps the peak of the process that started this one; VmHWM, where there is one, does not.
MEMORY = """
import resource, sys
from pathlib import Path
import earmark
prediction = earmark.classify(sys.argv[1], model=sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
status = Path("/proc/self/status")
if status.exists():
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
print(prediction.duration, peak)
"""


def make_mp3(path: Path) -> None:
    """Three minutes of the demo's bands in stereo, at 192 kbit/s."""
    import soundfile

    y = np.concatenate([earmark.demo_clip(s, seconds=60, sr=SR).y for s in ("rock", "house", "ballad")])
    stereo = np.stack([y, 0.8 * np.roll(y, 300)], axis=1)
    constant = {"bitrate_mode": "CONSTANT", "compression_level": 0.4}  # 0.4 of the way from 320 to 32 kbit/s
    with soundfile.SoundFile(path, "w", SR, 2, "MPEG_LAYER_III", format="MP3", **constant) as file:
        for second in np.split(stereo, 180):
            file.write(second)


def repeat_mp3(source: Path, target: Path, times: int) -> None:
    """Write the packets of a file again and again: hours of MP3 in a second."""
    import av

    with av.open(str(target), "w", format="mp3") as out:
        stream, position = None, 0
        for _ in range(times):
            with av.open(str(source)) as file:
                stream = stream or out.add_stream_from_template(file.streams.audio[0])
                for packet in file.demux(audio=0):
                    if packet.dts is not None:
                        packet.pts = packet.dts = position
                        position += packet.duration
                        packet.stream = stream
                        out.mux(packet)


def peer(path: Path, model: Model, *, whole: bool = False) -> np.ndarray:
    """What a script on librosa would do; `whole`: with tempo and chroma, as earmark tells them."""
    import librosa

    y, sr = librosa.load(path, sr=model.card.spec.sr)
    S_db, *more = [librosa_log_mel(y, frames.spec) for frames in model.card.front_ends]
    if whole:
        librosa.feature.tempo(onset_envelope=librosa.onset.onset_strength(S=S_db, sr=sr), sr=sr)
        librosa.feature.chroma_stft(y=y, sr=sr).mean(axis=1)
    _, X = cut_windows(S_db, model.card, more)
    return np.concatenate(
        [checked_output(model, X[i : i + 16]).heads["genres"] for i in range(0, len(X), 16)]
    ).mean(axis=0)


def librosa_log_mel(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The log-mel of a front end by librosa."""
    import librosa

    same = ("sr", "n_fft", "hop_length", "n_mels", "fmin", "fmax", "power", "htk", "norm")
    S = librosa.feature.melspectrogram(y=y, **{name: getattr(spec, name) for name in same})
    return librosa.power_to_db(S, ref=1.0, top_db=None)


def best(
    calls: dict[str, Callable[[], object]],
    *,
    repeats: int = REPEATS,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Shortest time of each call in s; they take turns, so that a busy moment hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            began = clock()
            call()
            if turn:  # the first turn fills caches and compiles
                times[name].append(clock() - began)
    return {name: min(values) for name, values in times.items()}


def stages(path: Path, model: Model) -> Iterator[tuple[str, Callable[[], object]]]:
    """The steps of `classify`, one by one, each on what the one before gave."""
    spec = model.card.spec

    def decode() -> list[np.ndarray]:
        with open_audio(path, sr=spec.sr) as stream:
            return list(stream.blocks())

    yield "decode, downmix, resample", decode
    blocks = decode()

    def front() -> list:
        stream = FrameStream(spec, chroma=True)
        return [*(stream.push(block) for block in blocks), stream.close()]

    yield "log-mel and chroma", front
    frames = front()

    def rhythm() -> tuple[float, str]:
        onsets = OnsetStream(spec)
        envelope = np.concatenate([onsets.push(made.S_db) for made in frames])
        return tempo(envelope, spec), estimate_key(sum(made.chroma.sum(axis=1) for made in frames))

    yield "tempo and key", rhythm

    def further() -> list[np.ndarray]:
        streams = [FrameStream(spec) for spec in model.card.more_specs]
        return [np.hstack([*(s.push(block).S_db for block in blocks), s.close().S_db]) for s in streams]

    if model.card.more_specs:
        yield "log-mels of further front ends", further
    _, X = cut_windows(np.hstack([made.S_db for made in frames]), model.card, further())
    yield "network", lambda: [checked_output(model, X[i : i + 16]) for i in range(0, len(X), 16)]


def report_speed(path: Path, model: Model, seconds: float) -> None:
    ours, theirs = earmark.classify(path, model=model), peer(path, model)
    worst = np.abs(np.array([dict(_pairs(ours))[label] for label in model.card.classes]) - theirs).max()
    times = best(
        {
            "earmark": lambda: earmark.classify(path, model=model),
            "librosa": lambda: peer(path, model),
            "librosa, tempo and chroma": lambda: peer(path, model, whole=True),
        }
    )
    print(f"{seconds:.0f} s of MP3 (44.1 kHz stereo, 192 kbit/s), model {model.card.name}, best of {REPEATS}")
    for name, value in times.items():
        print(f"  {name:26} {1000 * value:7.1f} ms  {seconds / value:6.0f} x real time")
    parts = best(dict(stages(path, model)))
    for name, value in [*parts.items(), ("everything else", times["earmark"] - sum(parts.values()))]:
        print(f"    {name:30} {1000 * value:5.1f} ms")
    ratio = times["librosa"] / times["earmark"]
    print(f"  ratio {ratio:.2f} (goal {GOAL_RATIO}: {'met' if ratio >= GOAL_RATIO else 'MISSED'})")
    print(f"  ratio with tempo and chroma {times['librosa, tempo and chroma'] / times['earmark']:.2f}")
    print(f"  largest difference between the two mean scores: {worst:.4f}")


def _pairs(prediction: earmark.Prediction) -> list[tuple[str, float]]:
    return [(score.label, score.score) for score in prediction.genres]


def report_cold(path: Path, name: str) -> None:
    """Time from the shell: what a person waits for the first answer."""
    command = [sys.executable, "-m", "earmark", "classify", str(path), "--json", "--model", name]
    calls = {
        "python -c pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "earmark classify": lambda: subprocess.run(command, check=True, capture_output=True),
    }
    print("from the shell, wall clock: a process of its own on the same file")
    for label, value in best(calls, repeats=3, clock=time.perf_counter).items():
        print(f"  {label:26} {1000 * value:7.1f} ms")


def report_memory(folder: Path, name: str, short: Path) -> None:
    long = folder / "long.mp3"
    repeat_mp3(short, long, 40)
    print("peak memory, a process of its own for each file")
    for path in (short, long):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path), name], capture_output=True, text=True, check=True
        )
        seconds, peak = map(float, done.stdout.split())
        print(f"  {seconds / 60:6.1f} min {peak:12.0f} MB")
    print(f"  goal {GOAL_MB} MB: {'met' if peak < GOAL_MB else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="earmark-base", help="name or folder of a bundle")
    parser.add_argument("--no-memory", action="store_true", help="leave out the file of two hours")
    options = parser.parse_args()
    model = earmark.load_model(options.model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        short = folder / "three_minutes.mp3"
        make_mp3(short)
        report_speed(short, model, 180.0)
        report_cold(short, options.model)
        if not options.no_memory:
            report_memory(folder, options.model, short)


if __name__ == "__main__":
    main()
