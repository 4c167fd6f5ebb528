"""What the default model is made of (`experiments/earmark_base`), on weights of chance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors.torch")

from taggers import fcn_weights, write_taggers  # noqa: E402

pytestmark = pytest.mark.experiments

FOLDER = Path(__file__).parents[1] / "experiments" / "earmark_base"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The scripts stand beside each other and import each other by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    torch.manual_seed(0)
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def teacher(tmp_path):
    """A folder with both taggers' weights, of chance."""
    write_taggers(tmp_path)
    return tmp_path


def test_a_narrow_layer_that_is_as_wide_says_what_the_convolution_says():
    from network import Narrow

    weight, x = torch.randn(16, 8, 3, 3), torch.randn(4, 8, 9, 10)
    narrow = Narrow(8, 16, 16)
    narrow.begin(weight, x)
    expected = torch.nn.functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(narrow(x), expected, rtol=0, atol=1e-4)


def test_a_narrow_layer_is_exact_where_little_is_said():
    """Outputs that are made of four numbers need no more than four channels."""
    from network import Narrow

    weight = torch.einsum("ok,kihw->oihw", torch.randn(16, 4), torch.randn(4, 8, 3, 3))
    x = torch.randn(4, 8, 9, 10)
    expected = torch.nn.functional.conv2d(x, weight, padding=1)
    for n_few, exact in ((4, True), (3, False)):
        narrow = Narrow(8, 16, n_few)
        narrow.begin(weight, x)
        assert torch.allclose(narrow(x), expected, atol=1e-3) == exact


def test_the_top_says_of_one_turn_what_the_tagger_says_of_many(teacher):
    from network import TagTop
    from teachers import FCN

    fcn = FCN(teacher / "fcn_msd.safetensors")
    maps = torch.rand(2, 128, 12, 3)
    fourth = fcn.filtered(maps.repeat(1, 1, 1, 9), 4)[..., 3:-3]  # away from both ends
    fourth = torch.nn.functional.max_pool2d(fourth, (3, 5), (3, 1))
    fifth = fcn.filtered(fourth, 5)[..., 1:-1].amax((2, 3))
    torch.testing.assert_close(TagTop(fcn.w).eval()(maps), fifth, rtol=0, atol=1e-4)


def test_frames_of_the_tagger_lie_on_lines_between_ours():
    from network import STEP_FRAMES, TagMaps

    maps = TagMaps(fcn_weights())
    maps.phases.weight.data = maps.between()
    maps.map.zero_()
    maps.map[:, 0] = 1  # each of its bands hears our first
    S_db = torch.arange(130.0).expand(1, 128, 130) / 10  # 0.1 dB a frame
    heard = (maps.frames(S_db)[0, 0, 0] - maps.offset) / maps.gain
    middle = (torch.arange(len(heard)) + 0.5) * STEP_FRAMES / maps.N_PHASES - 0.5
    inside = (middle >= 0) & (middle <= 129)
    torch.testing.assert_close(heard[inside], middle[inside] / 10, rtol=0, atol=1e-3)
    assert len(heard) == 12 * maps.N_PHASES


def test_ears_do_not_mind_the_level(teacher):
    from network import BothEars, Ears, TagEars

    ears = BothEars(Ears(teacher / "mn04_as.safetensors"), TagEars(teacher / "fcn_msd.safetensors")).eval()
    S_db = torch.randn(2, 128, 130) * 8 - 20
    with torch.no_grad():
        heard, softer = ears(S_db), ears(S_db - 30)
    assert heard.shape == (2, 384 + 64)
    torch.testing.assert_close(softer, heard, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_ears_come_back_from_a_bundle(teacher):
    """Batch norms are folded by the export, and unfolded again; each part finds its own convolutions."""
    onnx = pytest.importorskip("onnx")
    from network import BothEars, Ears, Heads, TagEars, leave_out_silent
    from recover import folded_ears, unfold
    from ship import Whole, export

    ears = BothEars(Ears(teacher / "mn04_as.safetensors"), TagEars(teacher / "fcn_msd.safetensors")).eval()
    with torch.no_grad():
        ears.tag_ears.local.second.spread.weight[5:50] = 0
        ears.tag_ears.local.norms[1].bias[5:50] = -1
        ears.tag_ears.local.norms[1].running_mean[5:50] = 0
    leave_out_silent(ears.tag_ears)
    sizes = {"genres": 19, "quadrant": 4, "moods": 5, "sound": 4}
    heads = Heads(sizes, torch.zeros(448), torch.ones(448), 0.0).eval()
    scales = {"genres": (1.0, 0.0), "quadrant": (1.0, 0.0)}
    graph = export(Whole(ears, heads, scales, [0, 2]))
    onnx.checker.check_model(onnx.load_from_string(graph))
    (teacher / "model.onnx").write_bytes(graph)

    S_db = torch.randn(8, 128, 130) * 8 - 20
    with torch.no_grad():
        expected = ears(S_db)
        torch.nn.init.normal_(ears.ears.backbone[0][0].weight)
    again = folded_ears(teacher, teacher)
    with torch.no_grad():
        torch.testing.assert_close(again(S_db), expected, rtol=0, atol=1e-3)
    assert unfold(again, S_db) < 1e-2 * float(expected.abs().max())
    with torch.no_grad():
        torch.testing.assert_close(again(S_db), expected, rtol=1e-3, atol=1e-2)


def test_channels_that_never_say_anything_are_left_out(teacher):
    from network import TagEars, leave_out_silent

    ears = TagEars(teacher / "fcn_msd.safetensors").eval()
    S_db = torch.randn(2, 128, 130) * 8 - 20
    with torch.no_grad():
        for layer, norm in ((ears.local.first, 0), (ears.local.third.spread, 2)):
            layer.weight[3:22] = 0
            ears.local.norms[norm].running_mean[3:22] = 0
            ears.local.norms[norm].bias[3:22] = -0.5
            ears.local.norms[norm].bias[7] = 0.5  # says the same of everything, but says it
        expected = ears(S_db)
        leave_out_silent(ears)
        torch.testing.assert_close(ears(S_db), expected, rtol=0, atol=1e-4)
    # of the 18 as many stay as make a multiple of 8
    assert (len(ears.local.first.weight), len(ears.local.third.spread.weight)) == (64 - 16, 128 - 16)
    assert ears.top.fourth[0].weight.shape[1] == 128 - 16


def windows_of(n_clips, rng, altered=range(0)):
    """Clips whose every value says at what second it lies, and three windows of each."""
    from distill_windows import HOP, MN04_RATE, Clip, Sounds
    from maps import STEP_SECONDS

    ours, theirs = np.arange(1280) * HOP, np.arange(2980) / MN04_RATE
    third = np.broadcast_to(np.arange(110) * STEP_SECONDS, (128, 12, 110))
    clip = Clip(
        [np.tile(ours, (128, 1)), np.tile(ours + 100, (128, 1))], np.tile(theirs, (128, 1)), third, {}
    )
    return Sounds.__new__(Sounds).windows([clip] * n_clips, [1] * n_clips, rng, altered)


def test_taggers_are_asked_about_the_very_window_that_is_heard():
    heard, clean, mn04, third = (x.numpy() for x in windows_of(20, np.random.default_rng(0)))
    assert heard.shape == clean.shape == (60, 128, 130)
    begins = clean[:, 0, 0]
    np.testing.assert_allclose(heard[:, 0, 0], begins + 100, rtol=1e-6)
    np.testing.assert_allclose(mn04[:, 0, 0], begins, atol=0.006)
    assert mn04.shape == (60, 128, 301)
    # the largest of four steps is the last
    assert third.shape == (60, 128, 12, 3)
    np.testing.assert_allclose(third[:, 0, 0, 0] - 3 * 0.256, begins, atol=0.013)
    assert begins.min() < 3 and begins.max() > 20


def test_mn04_hears_another_tempo_where_the_ears_do():
    heard, _, mn04, _ = (x.numpy() for x in windows_of(20, np.random.default_rng(0), range(10, 20)))
    last = [heard[:, 0, i] - 100 for i in (0, -1)], [mn04[:, 0, i] for i in (0, -1)]
    np.testing.assert_allclose(*last, atol=0.03)
    tempo = (last[0][1] - last[0][0]) / (129 * 512 / 22050)
    np.testing.assert_allclose(tempo[:30], 1, rtol=1e-5)
    assert 0.79 < tempo.min() < 0.9 and 1.1 < tempo.max() < 1.26
    np.testing.assert_allclose(np.diff(mn04[30:, 0], 2), 0, atol=1e-4)  # evenly


def test_an_equaliser_of_our_bands_is_one_of_mn04s():
    from distill_windows import between_bands

    from earmark.estimators.torch.mobilenet import tagger_filters
    from earmark.features import mel_frequencies

    gains_db = 3 * np.sin(mel_frequencies() / 1500).astype(np.float32)
    theirs = (between_bands() @ torch.from_numpy(gains_db)).numpy()
    filters = tagger_filters()[60:110]  # wide enough to have a centre, and below the last of ours
    centres_hz = (filters * np.arange(513) * 31.25).sum(1) / filters.sum(1)
    np.testing.assert_allclose(theirs[60:110], 3 * np.sin(centres_hz / 1500), atol=0.1)


def test_power_and_what_mn04_is_given_turn_into_each_other():
    from distill_windows import given_of, level_of, power_of

    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.uniform(-1, 2, (2, 128, 301)).astype(np.float32))
    torch.testing.assert_close(given_of(power_of(x)), x, rtol=0, atol=1e-4)
    S_db = torch.from_numpy(rng.normal(-20, 8, (2, 128, 130)).astype(np.float32))
    torch.testing.assert_close(level_of(S_db + 7), level_of(S_db) + 7, rtol=0, atol=1e-4)
    assert level_of(torch.full((1, 128, 130), -12.0)).item() == pytest.approx(-12, abs=1e-4)


def test_a_bundle_of_other_ears_is_refused(teacher):
    from recover import folded_ears

    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "empty", [], [])
    (teacher / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(SystemExit, match="0 convolutions"):
        folded_ears(teacher, teacher)


def test_spoiling_that_keeps_time_moves_no_onset():
    from augment import Augment

    from earmark.features import mel_frequencies

    kernel = torch.zeros(1, 128, 64)
    kernel[..., 0] = 1
    spoil = Augment(kernel, mel_frequencies(), 0, keep_time=True)
    S_db = torch.full((16, 128, 130), -80.0)
    S_db[..., 70:] = 0.0
    spoilt = spoil(S_db, torch.full((16, 128, 130), -90.0)).numpy()
    rise = np.diff(spoilt.mean(1), axis=1)
    assert (rise.argmax(1) == 69).all()


def tracks_of(genres: str) -> list:
    import corpus

    one_of = [[genre] if genre else [] for genre in genres.split(" ")]
    return [corpus.Track(f"t{i}", "panda4q", "", f"a{i}", genres=corpus.genre_target(positive, []))
            for i, positive in enumerate(one_of)]  # fmt: skip


def test_words_are_weighed_so_that_nothing_hangs_on_how_often_a_genre_occurs(teacher):
    """Twice the tracks that are no rock: the same odds; who was not asked has none."""
    import corpus
    from heads import platt_scaled

    rng, rock = np.random.default_rng(0), corpus.GENRES.index("rock")
    tracks = tracks_of(" ".join(["rock"] * 20 + ["pop"] * 20))
    said = np.full((2, 60, 19), np.nan)
    said[0, :40, rock] = np.r_[rng.normal(3, 1, 20), rng.normal(-1, 1, 20)]
    said[:, 40:] = said[:, 20:40]
    tracks += tracks[20:]
    once, twice = np.arange(60) < 40, np.full(60, True)
    few, many = platt_scaled(said, tracks, once), platt_scaled(said, tracks, twice)
    # more tracks make the odds steeper, and move no border
    few_rock, many_rock = (odds[:, rock] / odds[:, rock].std() for odds in (few, many))
    np.testing.assert_allclose(few_rock, many_rock, atol=0.05)
    assert (few[:20, rock] > 0).mean() > 0.9
    assert (few[20:40, rock] < 0).mean() > 0.9
    assert np.isnan(few[:, corpus.GENRES.index("jazz")]).all()


def test_heads_say_their_share_of_what_the_taggers_call_a_genre(teacher):
    import corpus
    from heads import Windows, fit_zero_shot
    from network import Heads

    jazz = corpus.GENRES.index("jazz")
    x = torch.randn(200, 6)
    odds = np.full((200, 19), np.nan)
    odds[:, jazz] = 2 * x[:, 1] - x[:, 4] + 1
    names = np.array([f"t{i}" for i in range(200)])
    sizes = {"genres": 19, "quadrant": 4, "moods": 5, "sound": 4}
    heads = Heads(sizes, torch.zeros(6), torch.ones(6), 0.0).eval()
    before = heads(x)
    fit_zero_shot(heads, Windows(names, x, [x], []), odds, np.arange(200) < 150)
    after = heads(x)
    change = (after["genres"] - before["genres"]).detach().numpy()
    np.testing.assert_allclose(change[150:, jazz], heads.SHARE_ZERO_SHOT * odds[150:, jazz], atol=0.15)
    assert np.abs(np.delete(change, jazz, 1)).max() == 0
    torch.testing.assert_close(after["quadrant"], before["quadrant"])


def test_quadrant_and_moods_are_straight_lines_in_what_the_ears_say(teacher):
    """Learnt from the tracks that have one; where none is known nothing is learnt, and everything said."""
    from heads import Windows, fit_lines
    from network import Heads

    x = torch.randn(4000, 6)
    quadrant = torch.where(x[:, 1] > 0, torch.where(x[:, 0] > 0, 0, 1), torch.where(x[:, 0] > 0, 3, 2))
    moods = torch.stack([x[:, 1] > 0, x[:, 2] > 0], 1).float()
    asked = torch.arange(4000) % 4 > 0
    target = {
        "quadrant": torch.where(asked, quadrant, -1),
        "moods": torch.where(asked[:, None], moods, torch.nan),
    }
    spoilt = [x + torch.randn(4000, 6) / 10 for _ in range(3)]
    sizes = {"genres": 19, "quadrant": 4, "moods": 2, "sound": 4}
    heads = Heads(sizes, torch.zeros(6), torch.ones(6), 0.0).eval()
    before = heads(x)
    fit_lines(heads, Windows(np.arange(4000), x, spoilt, []), target, np.arange(4000) < 3000)
    after = heads(x)
    right = [after["quadrant"].argmax(1) == quadrant, ((after["moods"] > 0) == (moods > 0)).all(1)]
    for of in (~asked, torch.arange(4000) >= 3000):
        assert all(answers[of].float().mean() > 0.9 for answers in right)
    torch.testing.assert_close(after["genres"], before["genres"])
    torch.testing.assert_close(after["sound"], before["sound"])


def test_valence_elsewhere_is_ordered_by_words_that_taught_nothing(teacher):
    import corpus
    from heads import Windows
    from report import Report

    words = ["happy|pop", "dark|calm", "spooky|energetic", "happy|dark", "rock"]  # one says both, one neither
    free = [
        corpus.Track(f"f{i}", "free_music", "", f"f{i}", said=frozenset(w.split("|")))
        for i, w in enumerate(words)
    ]
    mirex = [
        corpus.Track(c, "mirex_mood", "", c, said=frozenset({c})) for c in ("C1", "C2", "C3", "C4", "C5")
    ]
    tracks = free + mirex
    quadrant = np.full((10, 4), 0.25)
    quadrant[[0, 6]] = 0.7, 0.1, 0.1, 0.1
    quadrant[2] = 0.1, 0.7, 0.1, 0.1
    quadrant[8] = 0.8, 0.1, 0.05, 0.05  # C4 says nothing of either
    windows = Windows(np.array([t.id for t in tracks]), torch.zeros(10, 1), [], tracks)
    logits = {"moods": np.zeros((10, 1)), "sound": np.zeros((10, 4))}
    assert Report(windows, logits, {"quadrant": quadrant}).quadrant_elsewhere() == {
        "free_music valence n=3": 1.0,
        "free_music arousal n=2": 1.0,
        "mirex_mood valence n=3": 1.0,
        "mirex_mood arousal n=3": 0.5,
    }


def test_where_the_annotators_say_no_and_allmusic_yes_the_lesson_is_yes(teacher):
    import corpus

    genres = corpus.genre_target(["rock"], ["folk"])
    track = corpus.Track("a", "panda4q", "", "x", genres=genres, allmusic=("Pop/Rock", "Blues", "Folk"))
    lesson = dict(zip(corpus.GENRES, corpus.genre_lesson(track), strict=True))
    assert [g for g in corpus.GENRES if lesson[g] == 1] == ["blues", "rock"]
    assert np.isnan(lesson["folk"])  # in doubt, and left so
    assert track.genres[corpus.GENRES.index("blues")] == 0


def test_a_genre_is_called_by_the_loudest_of_its_words(tmp_path):
    import corpus
    from zero_shot import MN04, MSD, tag_scores

    audioset = [word for words in MN04.values() for word in words]
    msd = [word for words in MSD.values() for word in words]
    rows = [f'{i},"{word}"' for i, word in enumerate(audioset)]
    (tmp_path / "audioset_labels.csv").write_text("\n".join(["index,display_name", *rows]))
    (tmp_path / "fcn_msd_tags.txt").write_text("\n".join(msd) + "\n")
    tracks = tracks_of("jazz pop")
    with pytest.raises(SystemExit, match=r"No tagger was asked.*teachers\.py"):
        tag_scores(tmp_path, tmp_path, tracks)
    (tmp_path / "teachers").mkdir()
    views = np.zeros((2, 384 + len(audioset)))
    views[:, 384 + audioset.index("Swing music")] = 3, 5
    np.savez(tmp_path / "teachers" / "panda4q.npz", **{"t0|mn04": views})
    np.savez(tmp_path / "teachers" / "nonmusic.npz", **{"rain|mn04": views})
    tracks.append(corpus.Track("rain", "nonmusic", "", "rain"))
    said = tag_scores(tmp_path, tmp_path, tracks)
    assert said[0, 0, corpus.GENRES.index("jazz")] == 4
    assert np.nanmax(np.delete(said[0, 0], corpus.GENRES.index("jazz"))) == 0
    assert np.isnan(said[0, 1:]).all()  # not asked, and no music
    assert np.isnan(said[1]).all()
