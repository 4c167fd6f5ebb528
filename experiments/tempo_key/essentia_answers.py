"""What Essentia answers for the annotated clips, for `measure.py`. Runs in an environment of its own, without earmark:

python -m venv runs/essentia && runs/essentia/bin/pip install essentia soundfile
runs/essentia/bin/python experiments/tempo_key/essentia_answers.py ../shared/data/gtzan essentia.json
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import essentia.standard as es
import soundfile

SHARPS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}


def main(folder: Path, output: Path) -> None:
    with (folder / "tracks.csv").open(newline="", encoding="utf-8") as file:
        audio = {row["id"]: row["audio"] for row in csv.DictReader(file)}
    with (folder / "tempo_key.csv").open(newline="", encoding="utf-8") as file:
        ids = sorted(row["id"] for row in csv.DictReader(file))
    clips, seconds, of_tempo, of_key = {}, 0.0, 0.0, 0.0
    for id_ in ids:
        y, sr = soundfile.read(folder / audio[id_], dtype="float32")
        y = es.Resample(inputSampleRate=sr, outputSampleRate=44100)(y)
        began = time.process_time()
        tempo, beats, _, _, _ = es.RhythmExtractor2013(method="multifeature")(y)
        middle = time.process_time()
        tonic, mode, _ = es.KeyExtractor(profileType="bgate")(y)
        of_tempo, of_key = of_tempo + middle - began, of_key + time.process_time() - middle
        seconds += len(y) / 44100
        key = f"{SHARPS.get(tonic, tonic)} {mode}"
        clips[id_] = {"tempo": float(tempo), "beats": [float(t) for t in beats], "key": key}
    speed = {"tempo": seconds / of_tempo, "key": seconds / of_key}
    output.write_text(json.dumps({"clips": clips, "times_real_time": speed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
