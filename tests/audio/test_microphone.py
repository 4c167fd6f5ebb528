"""The microphone, with a port that plays what the test says."""

from __future__ import annotations

import builtins
import threading
from typing import Any

import numpy as np
import pytest

from earmark.audio import microphone
from earmark.audio.microphone import Block, Microphone, Notice, choose_device, input_devices, sounddevice_port
from earmark.errors import AudioNotFoundError, InputError, MissingExtraError, UnreadableAudioError


class PortAudioError(Exception):
    """As `sounddevice` has it."""


class Stream:
    """An input stream that gives what the test pushes."""

    def __init__(self, port: FakePort, **options: Any) -> None:
        self.port, self.options, self.active, self.is_closed = port, options, False, False

    def start(self) -> None:
        if self.options["channels"] not in self.port.allowed_channels:
            raise PortAudioError("Invalid number of channels [PaErrorCode -9998]")
        self.active = True

    def close(self) -> None:
        self.active, self.is_closed = False, True

    def push(self, y: np.ndarray) -> None:
        """Call back as PortAudio does, with a buffer that it uses again."""
        buffer = np.tile(y[:, np.newaxis], self.options["channels"]).astype(np.float32)
        self.options["callback"](buffer, len(y), None, None)
        buffer[:] = 9.0


class FakePort:
    """What `earmark.audio.microphone` uses of `sounddevice`."""

    PortAudioError = PortAudioError

    def __init__(self, *names: str, default: int | None = 0) -> None:
        self.names, self.default = list(names), default
        self.allowed_channels = {1, 2}
        self.streams: list[Stream] = []
        self.n_restarts = 0

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "ALSA"}]

    def query_devices(self, kind: str | None = None) -> Any:
        inputs = [self.entry(i, name) for i, name in enumerate(self.names)]
        if kind is None:
            return [*inputs, {**self.entry(len(inputs), "Speaker"), "max_input_channels": 0}]
        if self.default is None or self.default >= len(inputs):
            raise PortAudioError("no default")
        return inputs[self.default]

    def entry(self, i: int, name: str) -> dict[str, Any]:
        rate = 44100.0 if "USB" in name else 48000.0
        return {"index": i, "name": name, "hostapi": 0, "max_input_channels": 2, "default_samplerate": rate}

    def InputStream(self, **options: Any) -> Stream:
        self.streams.append(Stream(self, **options))
        return self.streams[-1]

    def _terminate(self) -> None:
        self.n_restarts += 1

    def _initialize(self) -> None:
        pass


def test_devices_the_default_first() -> None:
    devices = input_devices(FakePort("Built-in", "USB Microphone", default=1))
    assert [str(device) for device in devices] == ["USB Microphone (ALSA)", "Built-in (ALSA)"]
    assert (devices[0].sr, devices[0].channels, devices[0].is_default) == (44100, 2, True)
    assert not input_devices(FakePort("Built-in", default=None))[0].is_default


@pytest.mark.parametrize(
    ("name", "found"),
    [(None, 0), ("usb", 1), ("MICROPHONE", 1), ("Built-in", 0), ("built-in 2 (alsa)", 2), ("in 2", 2)],
)
def test_a_device_is_chosen_by_part_of_its_name(name: str | None, found: int) -> None:
    devices = input_devices(FakePort("Built-in", "USB Microphone", "Built-in 2"))
    assert choose_device(devices, name).number == found


def test_an_unknown_or_ambiguous_name_lists_what_there_is() -> None:
    devices = input_devices(FakePort("Built-in 1", "USB Microphone", "Built-in 2"))
    with pytest.raises(InputError, match="no input device matches 'phone 7'") as caught:
        choose_device(devices, "phone 7")
    assert all(device.name in caught.value.hint for device in devices)
    with pytest.raises(InputError, match="2 input devices match 'built'") as caught:
        choose_device(devices, "built")
    assert "Built-in 2" in caught.value.hint and "USB" not in caught.value.hint


def test_no_device_at_all() -> None:
    with pytest.raises(AudioNotFoundError, match="no input device") as caught:
        Microphone(port=FakePort())
    assert "--source" in caught.value.hint


def test_blocks_come_in_order_and_are_kept() -> None:
    port = FakePort("Built-in")
    with Microphone(port=port) as microphone:
        (stream,) = port.streams
        assert stream.options["samplerate"] == 48000 and stream.options["blocksize"] == 2400
        for value in (0.1, 0.2):
            stream.push(np.full(2400, value))
        events = iter(microphone)
        one, two = next(events), next(events)
    assert isinstance(one, Block) and isinstance(two, Block)
    assert one.y.dtype == np.float32 and one.sr == 48000
    np.testing.assert_allclose([one.y, two.y], [np.full(2400, 0.1), np.full(2400, 0.2)], rtol=1e-6)
    assert stream.is_closed


def test_what_nobody_takes_in_time_is_counted() -> None:
    port = FakePort("Built-in")
    with Microphone(port=port) as microphone:
        for _ in range(203):
            port.streams[0].push(np.ones(2400))
        assert next(iter(microphone)).n_dropped == 3 * 2400
        assert next(iter(microphone)).n_dropped == 0


def test_a_device_that_has_no_single_channel_gives_the_mean_of_all() -> None:
    port = FakePort("Built-in")
    port.allowed_channels = {2}
    with Microphone(port=port) as microphone:
        assert port.streams[-1].options["channels"] == 2 and port.streams[0].is_closed
        port.streams[-1].push(np.full(2400, 0.3))
        np.testing.assert_allclose(next(iter(microphone)).y, np.full(2400, 0.3), rtol=1e-6)


def test_a_device_that_another_program_has() -> None:
    port = FakePort("Built-in")
    port.allowed_channels = set()
    with pytest.raises(UnreadableAudioError, match="Built-in cannot be opened"):
        Microphone(port=port)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_device_that_vanishes_is_waited_for(monkeypatch: pytest.MonkeyPatch, by_name: bool) -> None:
    monkeypatch.setattr(microphone, "_STALLED_SECONDS", 0.02)
    port = FakePort("USB Microphone")
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            port.names = ["Other", "USB Microphone"] if by_name else ["Built-in"]

    with Microphone("usb" if by_name else None, port=port, sleep=sleep) as device:
        events = iter(device)
        port.streams[0].push(np.ones(2205))
        assert isinstance(next(events), Block)
        port.names = []
        port.streams[0].active = False
        assert next(events) == Notice("USB Microphone is gone: waiting for it")
        back = "USB Microphone" if by_name else "Built-in"
        assert next(events) == Notice(f"{back} is back")
        assert len(slept) == 3 and port.n_restarts == 3
        port.streams[-1].push(np.ones(2205))
        block = next(events)
    assert isinstance(block, Block) and block.sr == (44100 if by_name else 48000)
    assert port.streams[0].is_closed


def test_a_device_that_gives_nothing_any_more_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "_STALLED_SECONDS", 0.02)
    port = FakePort("Built-in")
    with Microphone(port=port, sleep=lambda _: None) as device:
        assert port.streams[0].active
        assert next(iter(device)) == Notice("Built-in is gone: waiting for it")


def test_a_block_that_comes_while_waiting_is_given() -> None:
    port = FakePort("Built-in")
    with Microphone(port=port) as device:
        later = threading.Timer(0.15, port.streams[0].push, [np.ones(2400)])
        later.start()
        assert isinstance(next(iter(device)), Block)
        later.join()


def test_digital_silence_is_reported_once() -> None:
    port = FakePort("Built-in")
    with Microphone(port=port) as device:
        for _ in range(130):
            port.streams[0].push(np.zeros(2400))
        port.streams[0].push(np.ones(2400))
        events = iter(device)
        given = [next(events) for _ in range(132)]
    notices = [i for i, event in enumerate(given) if isinstance(event, Notice)]
    assert notices == [60] and "digital silence" in given[60].text


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (ModuleNotFoundError("no"), "package sounddevice", r"pip install 'earmark\[live\]'"),
        (OSError("PortAudio library not found"), "library PortAudio", "apt install libportaudio2"),
    ],
)
def test_without_the_package_or_the_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str, hint: str
) -> None:
    real = builtins.__import__

    def importer(name: str, *args: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise error
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", importer)
    with pytest.raises(MissingExtraError, match=message) as caught:
        sounddevice_port()
    assert caught.match(hint)
