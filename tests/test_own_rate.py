"""The ears of the default model at their own rate (`experiments/own_rate`), on weights of chance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("safetensors.torch")

from taggers import write_taggers  # noqa: E402

pytestmark = pytest.mark.experiments

FOLDERS = [Path(__file__).parents[1] / "experiments" / name for name in ("own_rate", "exam", "earmark_base")]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The scripts of three folders import each other by name."""
    for folder in reversed(FOLDERS):
        monkeypatch.syspath_prepend(str(folder))
    torch.manual_seed(0)
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent in FOLDERS:
            del sys.modules[name]


@pytest.fixture
def teacher(tmp_path):
    """A folder with both taggers' weights, of chance."""
    write_taggers(tmp_path)
    return tmp_path


def test_a_window_has_as_many_frames_as_the_card_counts():
    import ears
    import graph

    from earmark.models import Head, ModelCard

    card = ModelCard("x", (Head("genres", ("a",)),), input="log_mels", more_specs=(ears.MN, ears.TAG))
    assert card.input_shape == (sum(bands * frames for bands, frames in graph.SHAPES),)


def test_mn04_hears_its_own_spectrum_up_to_11_khz(teacher):
    """The published front end of music at 32 kHz, and ours of the same at 22,050 Hz, agree band by band."""
    import ears
    from teachers import mn04_input

    from earmark import log_mel
    from earmark.audio.resample import Resampler

    t = np.arange(5 * 32000) / 32000
    rng = np.random.default_rng(0)
    y = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (110, 331, 997, 2750, 6100)) / 10
    y = (y + 0.02 * rng.standard_normal(len(t))).astype(np.float32)
    resampler = Resampler(32000, 22050)
    low = np.concatenate([resampler.push(y), resampler.close()])
    theirs = mn04_input(torch.from_numpy(y)).mean(1)[20:110] * 5 - 4.5
    power = 10 ** (log_mel(low, ears.MN) / 10) * ears.mn_gain()[:, None]
    ours = np.log(power + 1e-5).mean(1)[20:110]
    assert np.median(np.abs(ours - theirs.numpy())) < 0.2  # natural logarithm: 0.9 dB
    assert np.corrcoef(ours, theirs.numpy())[0, 1] > 0.98


def test_silent_channels_say_nothing(teacher):
    import ears

    tag = ears.TagEars(teacher / "fcn_msd.safetensors").eval()
    with torch.no_grad():
        for name in ("layer1", "layer3"):  # half of their filters become nought, behind an offset below it
            tag.w[f"{name}_conv_weight"][::2] = 0
            for part in ("conv_bias", "bn_bias", "bn_running_mean"):
                tag.w[f"{name}_{part}"][::2] = -1 if part == "bn_bias" else 0
        x = torch.randn(3, 96, 188) * 10 - 20
        expected = tag(x)
        ears.leave_out_silent(tag)
        assert len(tag.w["layer1_conv_weight"]) == 32
        torch.testing.assert_close(tag(x), expected, rtol=0, atol=1e-4)


def test_a_window_comes_round_for_ever(teacher):
    """Three maps of the third layer are one turn: beginning a third later says the same."""
    import ears

    tag = ears.TagEars(teacher / "fcn_msd.safetensors").eval()
    x = torch.randn(2, 96, ears.TAG_PERIOD) * 10 - 20
    with torch.no_grad():
        torch.testing.assert_close(tag(x.roll(64, 2)), tag(x), rtol=1e-3, atol=1e-3)


def lines_of_chance(n_values):
    from lines import Line

    rng = np.random.default_rng(0)
    sizes = {
        "genres": 19,
        "quadrant": 4,
        "moods": 53,
        "sound": 4,
        "voice": 4,
        "instruments": 3,
        "affect": 2,
        "pace": 1,
    }
    return {name: Line(rng.normal(0, 0.01, (n_values, n)), np.zeros(n)) for name, n in sizes.items()}


def test_one_graph_says_what_its_parts_say(teacher):
    import ears
    import graph
    import lines
    import onnxruntime

    from earmark.models import load_model

    lite = load_model("earmark-lite")
    mn, tag = ears.MnEars(teacher / "mn04_as.safetensors"), ears.TagEars(teacher / "fcn_msd.safetensors")
    front, n = graph.Front(mn.eval(), tag.eval()), 384 + 527 + 64 + 50
    n_all = lite.card.embedding_size + 19
    join = graph.Join(
        lines.Scaler(np.zeros(n), np.ones(n)), lines_of_chance(n),
        {"genres": (1.1, 0.1), "quadrant": (1.2, 0.0)}, np.eye(n_all),
    ).eval()  # fmt: skip
    session = onnxruntime.InferenceSession(graph.whole(front, lite.weights, join))
    X = torch.randn(2, sum(bands * frames for bands, frames in graph.SHAPES)) * 10 - 20
    found = dict(zip(graph.OUTPUTS, session.run(list(graph.OUTPUTS), {"S_dbs": X.numpy()}), strict=True))
    with torch.no_grad():
        S_db, x = front(X)
        before = lite.forward(S_db.numpy())
        given = [torch.from_numpy(before.heads[name]) for name in graph.JOINED]
        expected = join(x, *given, torch.from_numpy(before.embedding))
    for name, values in zip(graph.OUTPUTS, expected, strict=True):
        np.testing.assert_allclose(found[name], values.numpy(), atol=1e-3, err_msg=name)


def test_lines_find_what_is_linear():
    import lines

    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    line = lines.one_of(X, np.eye(2)[y], np.ones(400), C=10.0)
    assert (line(X).argmax(1) == y).mean() > 0.97
    known = np.stack([y, np.where(X[:, 2] > 0, 1.0, 0.0)], 1).astype(float)
    known[::3, 1] = np.nan  # not asked about
    both = lines.each(X, known, np.ones(400), C=10.0)
    assert ((both(X) > 0) == (np.stack([y, X[:, 2] > 0], 1))).mean() > 0.97
    flat = lines.ridge(X, X[:, :1] * 3 + 2, np.ones(400), penalty=1e-6)
    np.testing.assert_allclose(flat(X), X[:, :1] * 3 + 2, atol=1e-4)


def test_the_reserved_fold_teaches_nothing(tmp_path):
    import lessons
    from corpus import Track, artist_key

    (tmp_path / "panda4q").mkdir()
    (tmp_path / "mirex_mood").mkdir()
    names = [f"Artist {i}" for i in range(60)]
    lines = ["artist,title", *(f"{name},x" for name in names)]
    for name in ("panda4q", "mirex_mood"):
        (tmp_path / name / "tracks.csv").write_text("\n".join(lines))
    kept_back = lessons.reserved_artists(tmp_path)
    tracks = [Track(n, "panda4q", "x", artist_key(n)) for n in names] + [
        Track("g", "gtzan", "x", "g", "valid")
    ]
    may = lessons.may_teach(tracks, tmp_path)
    assert 5 <= len(kept_back) <= 25
    assert [t.group in kept_back for t in tracks[:-1]] == (~may[:-1]).tolist()
    assert not may[-1]
