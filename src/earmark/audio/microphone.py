"""Sound from an input device, by way of PortAudio: chosen by name, and waited for when it vanishes.

The package `sounddevice` (extra ``live``) is the port. Whatever behaves like it may be passed in its place.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.errors import AudioNotFoundError, InputError, MissingExtraError, UnreadableAudioError

BLOCK_SECONDS = 0.05
_QUEUED_BLOCKS = 200  # 10 s: what comes while nobody takes any is dropped after that, and counted
_STALLED_SECONDS = 1.0  # without a block, after which a device counts as gone
_RETRY_SECONDS = 1.0
_MUTED_SECONDS = 3.0  # of exact zeros, which no open microphone gives


@dataclass(frozen=True, slots=True)
class Device:
    """An input device.

    Parameters
    ----------
    number : int
        By which PortAudio knows it, until devices come or go.
    name : str
        As the system shows it.
    api : str
        Interface of the system that it is reached by; one device may have several.
    channels : int
        How many it has.
    sr : int
        Its usual rate in Hz.
    is_default : bool
        Whether the system would choose it.
    """

    number: int
    name: str
    api: str
    channels: int
    sr: int
    is_default: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.api})" if self.api else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Sound that came.

    Parameters
    ----------
    y : np.ndarray, float32 [shape=(n,)]
        Mono, full scale 1.
    sr : int
        Rate in Hz; another device, or the same one when it comes back, may have another.
    n_dropped : int
        Samples before these that were lost, as nobody took them in time.
    """

    y: np.ndarray
    sr: int
    n_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to the device, for people."""

    text: str


def sounddevice_port() -> Any:
    """Return the module `sounddevice`.

    Raises
    ------
    MissingExtraError
        The package, or the library PortAudio, is not installed.
    """
    try:
        import sounddevice
    except ImportError:
        raise MissingExtraError(
            "the microphone needs the package sounddevice", hint="Try: pip install 'earmark[live]'."
        ) from None
    except OSError:
        raise MissingExtraError(
            "the microphone needs the library PortAudio",
            hint="Try: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora), "
            "pacman -S portaudio (Arch); on macOS and Windows it comes with pip install sounddevice.",
        ) from None
    return sounddevice


def input_devices(port: Any = None) -> tuple[Device, ...]:
    """Return the input devices, the system's choice first.

    Parameters
    ----------
    port : module, optional
        Instead of `sounddevice`.

    Raises
    ------
    MissingExtraError
        The package, or the library PortAudio, is not installed.
    """
    port = port or sounddevice_port()
    apis = [api["name"] for api in port.query_hostapis()]
    try:
        default = port.query_devices(kind="input")["index"]
    except (port.PortAudioError, ValueError):
        default = None
    found = [
        Device(
            number=entry["index"],
            name=str(entry["name"]),
            api=apis[entry["hostapi"]] if entry["hostapi"] < len(apis) else "",
            channels=entry["max_input_channels"],
            sr=round(entry["default_samplerate"]),
            is_default=entry["index"] == default,
        )
        for entry in port.query_devices()
        if entry["max_input_channels"] > 0
    ]
    return tuple(sorted(found, key=lambda device: not device.is_default))


def choose_device(devices: Sequence[Device], name: str | None) -> Device:
    """Return the device that a name means.

    Parameters
    ----------
    devices : sequence of Device
        What there is.
    name : str or None
        Part of the name, in any case; a whole name wins. None for the system's choice.

    Raises
    ------
    AudioNotFoundError
        There is no device at all.
    InputError
        None, or several, have such a name: the message lists what there is.
    """
    if not devices:
        raise AudioNotFoundError(
            "there is no input device", hint="Try: connect a microphone, or replay a file with --source FILE."
        )
    if name is None:
        return devices[0]
    wanted = name.casefold()
    whole = [device for device in devices if wanted in (device.name.casefold(), str(device).casefold())]
    found = whole or [device for device in devices if wanted in str(device).casefold()]
    if len({device.name for device in found}) == 1:
        return found[0]  # one device by several interfaces: the first is the nearest to the default
    listed = ", ".join(f"{str(device)!r}" for device in (found or devices))
    what = f"{len(found)} input devices match" if found else "no input device matches"
    raise InputError(f"{what} {name!r:.80}", hint=f"Accepted: part of one of these names: {listed}.")


class Microphone:
    """An open input device; a context manager, and an iterator over what comes from it.

    Parameters
    ----------
    name : str, optional
        Part of its name: see `choose_device`. By default what the system would choose.
    port : module, optional
        Instead of `sounddevice`.
    clock, sleep : callable, optional
        Instead of `time.monotonic` and `time.sleep`.

    Attributes
    ----------
    device : Device
        What was opened.

    Raises
    ------
    MissingExtraError, AudioNotFoundError, InputError
        As of `input_devices` and `choose_device`.
    UnreadableAudioError
        The device cannot be opened: another program has it, or it may not be used.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        port: Any = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._port = port or sounddevice_port()
        self._name, self._clock, self._sleep = name, clock, sleep
        self._blocks: queue.Queue[np.ndarray] = queue.Queue(_QUEUED_BLOCKS)
        self._n_dropped = 0
        self._n_zeros = 0
        self._stream: Any = None
        self.device = choose_device(input_devices(self._port), name)
        self.sr = 0
        self._open()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the device go."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except self._port.PortAudioError:  # it is gone already
                return

    def __iter__(self) -> Iterator[Block | Notice]:
        """Give blocks as they come, without end; and notices, when the device goes, comes or is silent."""
        while True:
            block = self._next()
            if block is not None:
                yield block
                if self._is_muted(block):
                    yield Notice(f"{self.device.name} gives digital silence: is it muted, or forbidden?")
                continue
            yield Notice(f"{self.device.name} is gone: waiting for it")
            self._wait_for_it()
            yield Notice(f"{self.device.name} is back")

    def _next(self) -> Block | None:
        """Return the next block; None if the device has gone."""
        until = self._clock() + _STALLED_SECONDS
        while True:
            try:
                y = self._blocks.get(timeout=_STALLED_SECONDS / 10)
            except queue.Empty:
                if self._clock() < until and self._stream.active:
                    continue
                return None
            n_dropped, self._n_dropped = self._n_dropped, 0
            return Block(y, self.sr, n_dropped)

    def _wait_for_it(self) -> None:
        """Look for the device again and again; PortAudio sees a new one only when it begins anew."""
        self.close()
        while True:
            self._sleep(_RETRY_SECONDS)
            self._port._terminate()
            self._port._initialize()
            try:
                self.device = choose_device(input_devices(self._port), self._name and self.device.name)
                self._open()
                return
            except (AudioNotFoundError, InputError, UnreadableAudioError):
                continue

    def _open(self) -> None:
        """Open one channel, or where the device refuses that, all of them."""
        self._blocks = queue.Queue(_QUEUED_BLOCKS)
        self._n_dropped = self._n_zeros = 0
        self.sr = self.device.sr
        for channels in (1, self.device.channels):
            try:
                self._stream = self._port.InputStream(
                    device=self.device.number,
                    channels=channels,
                    samplerate=self.sr,
                    blocksize=round(BLOCK_SECONDS * self.sr),
                    dtype="float32",
                    callback=self._take,
                )
                self._stream.start()
                return
            except self._port.PortAudioError as error:
                self.close()
                reason = str(error).partition("\n")[0]
        raise UnreadableAudioError(
            f"{self.device.name} cannot be opened ({reason})",
            hint="Try: close other programs that use it, check the permission, or another --device.",
        )

    def _take(self, indata: np.ndarray, frames: int, time: object, status: object) -> None:
        """Receive a block, in PortAudio's own thread: nothing here may wait."""
        try:
            self._blocks.put_nowait(np.ascontiguousarray(indata.mean(axis=1, dtype=np.float32)))
        except queue.Full:
            self._n_dropped += frames

    def _is_muted(self, block: Block) -> bool:
        """Whether there have been only zeros for a while now; true once."""
        if block.y.any():
            self._n_zeros = 0
            return False
        before, limit = self._n_zeros, _MUTED_SECONDS * block.sr
        self._n_zeros += len(block.y)
        return before < limit <= self._n_zeros
