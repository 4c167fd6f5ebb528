"""Pictures show what they say: right places on the axes, right bars, whole files."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.audio import Clip
from earmark.errors import InputError, MissingExtraError, OutputError
from earmark.features import FeatureSpec
from earmark.models import load_model
from earmark.plot import (
    leading_genres,
    prediction_figure,
    save_figure,
    spectrogram_figure,
)
from earmark.predict import Score, Segment, classify
from earmark.vocabulary import GENRE_COLOURS, GENRES, genre_colour
from music import band


def sine(hz: float, *, seconds: float = 2.0, start: float = 0.0) -> Clip:
    t = np.arange(round(seconds * 22050)) / 22050
    return Clip(
        y=(0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32), sr=22050, path="sine.wav", start=start
    )


def axes_by_title(figure: Any) -> dict[str, Any]:
    return {ax.get_title(loc="left") or ax.get_title(): ax for ax in figure.axes}


@pytest.mark.parametrize(("hz", "note"), [(261.626, "C4"), (1046.502, "C6"), (4186.009, "C8")])
def test_a_note_lies_on_its_line(hz: float, note: str) -> None:
    ax = axes_by_title(spectrogram_figure(sine(hz)))["Log-mel spectrogram"]
    brightest = int(np.argmax(ax.images[0].get_array()[:, 40]))
    ticks = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert brightest == pytest.approx(ticks[note], abs=1.0)


def test_hertz_and_notes_agree() -> None:
    ax = axes_by_title(spectrogram_figure(sine(440)))["Log-mel spectrogram"]
    (right,) = ax.child_axes
    hertz = dict(zip([t.get_text() for t in right.get_yticklabels()], right.get_yticks(), strict=True))
    notes = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert notes["C5"] == pytest.approx(hertz["500 Hz"], abs=1.2)  # 523 Hz; a band is 24 Hz there
    assert notes["C6"] == pytest.approx(hertz["1 kHz"], abs=2.2)  # 1047 Hz
    assert next(iter(notes)) == "C2" and list(notes)[-1] == "C9"


def test_chroma_names_the_pitch_class() -> None:
    ax = axes_by_title(spectrogram_figure(sine(440)))["Chroma"]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names[int(np.argmax(ax.images[0].get_array()[:, 40]))] == "A"


@pytest.mark.parametrize("hz", [0.0, 5.0])
def test_inaudible_sound_is_only_in_the_waveform(hz: float) -> None:
    t = np.arange(4 * 22050) / 22050
    below = (0.1 * np.cos(2 * np.pi * hz * t)).astype(np.float32)
    y = 0.1 * band("rock", seconds=4).y
    plain, with_below = (axes_by_title(spectrogram_figure(Clip(x, 22050))) for x in (y, y + below))
    S_db, found = (rows["Log-mel spectrogram"].images[0].get_array() for rows in (plain, with_below))
    assert np.abs(S_db - found)[:, 10:-10].mean() < 0.1
    assert np.abs(S_db - found)[:2, 10:-10].mean() < 3.0  # up to 43 Hz; it had been 20 and more
    tops = [rows["Waveform"].get_ylim()[1] for rows in (plain, with_below)]
    assert tops[1] > tops[0] + 0.05


def test_waveform_and_time_begin_where_the_clip_begins() -> None:
    figure = spectrogram_figure(sine(440, seconds=2.0, start=90.0))
    rows = axes_by_title(figure)
    for name in ("Waveform", "Log-mel spectrogram", "MFCC", "Chroma"):
        assert rows[name].get_xlim() == (90.0, 92.0)
    figure.canvas.draw()
    assert rows["Chroma"].get_xticklabels()[0].get_text() == "1:30"
    envelope = rows["Waveform"].collections[0].get_paths()[0].vertices[:, 1]
    assert envelope.max() == pytest.approx(0.5, abs=1e-3) and envelope.min() == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize("n", [1, 7, 22050])
def test_silence_and_a_click_can_be_drawn(tmp_path: Path, n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(
            spectrogram_figure(Clip(np.zeros(n, np.float32), 22050)), tmp_path / "silence.png", dpi=40
        )
        click = np.zeros(n, np.float32)
        click[n // 2] = 1
        save_figure(spectrogram_figure(Clip(click, 22050)), tmp_path / "click.png", dpi=40)


def test_another_front_end() -> None:
    spec = FeatureSpec(sr=16000, n_fft=512, hop_length=160, n_mels=16, fmin=3000.0)
    clip = band("rock", seconds=1, sr=16000)
    assert (
        axes_by_title(spectrogram_figure(clip, spec=spec))["Log-mel spectrogram"]
        .images[0]
        .get_array()
        .shape[0]
        == 16
    )
    with pytest.raises(InputError, match=r"clip.sr=16000, spec.sr=22050"):
        spectrogram_figure(clip)


def test_prediction_shows_its_scores() -> None:
    prediction = classify(band("house", seconds=9), model=load_model("echo"))
    panels = axes_by_title(prediction_figure(prediction, top=5))
    bars = [patch.get_width() for patch in panels["Genres"].patches]
    assert bars[:5] == [1.0] * 5  # the rails
    assert bars[5:] == pytest.approx([score.score for score in prediction.genres[:5]])
    assert [t.get_text() for t in panels["Genres"].get_yticklabels()] == [
        s.label for s in prediction.genres[:5]
    ]
    strip = panels["Over time"].collections[0]
    assert len(strip.get_paths()) == len(prediction.segments) == 3


def test_silence_has_a_prediction_figure_too(tmp_path: Path) -> None:
    prediction = classify(Clip(np.zeros(22050 * 4, np.float32), 22050), model=load_model("echo"))
    assert prediction.verdict == "silence"
    save_figure(prediction_figure(prediction), tmp_path / "silence.png", dpi=40)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    save_figure(spectrogram_figure(sine(440), title="东京 $x^2$ \udcff"), path, dpi=40)
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix.lower()]
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    figure = spectrogram_figure(sine(440))
    with pytest.raises(InputError, match=r"suffix='.bmp'.*\.png"):
        save_figure(figure, tmp_path / "picture.bmp")
    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        save_figure(figure, tmp_path / "nowhere" / "picture.png")


def test_every_genre_has_a_colour_of_its_own_and_others_a_stable_one() -> None:
    assert set(GENRE_COLOURS) == set(GENRES) and len(set(GENRE_COLOURS.values())) == len(GENRES)
    assert genre_colour("rock") == GENRE_COLOURS["rock"]
    assert genre_colour("polka") == genre_colour("polka") in GENRE_COLOURS.values()


def test_leading_genres_are_those_that_win_segments() -> None:
    def segment(**scores: float) -> Segment:
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        return Segment(0.0, 3.0, tuple(Score(label, score) for label, score in ranked))

    segments = [segment(rock=0.9, pop=0.8, jazz=0.1), segment(rock=0.9, pop=0.8), segment(jazz=0.3, rock=0.2)]
    assert leading_genres(segments, 3) == ["rock", "jazz", "pop"]
    assert leading_genres(segments, 1) == ["rock"]
    assert leading_genres([], 3) == []


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earmark\[plot\]'"):
        spectrogram_figure(sine(440))


def test_import_draws_nothing_in() -> None:
    code = "import sys, earmark.plot; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
