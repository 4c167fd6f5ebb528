"""Sounds for tests: signals made from formulas, and files of every format that earmark reads."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# name -> (libsndfile's format, subtype) or (FFmpeg's container, codec, sample format)
BY_SOUNDFILE = {
    "wav8": ("WAV", "PCM_U8"),
    "wav16": ("WAV", "PCM_16"),
    "wav24": ("WAV", "PCM_24"),
    "wav32": ("WAV", "PCM_32"),
    "wavfloat": ("WAV", "FLOAT"),
    "wavdouble": ("WAV", "DOUBLE"),
    "wavex": ("WAVEX", "PCM_24"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "aiff16": ("AIFF", "PCM_16"),
    "aiff24": ("AIFF", "PCM_24"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "flac24": ("FLAC", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
}
BY_FFMPEG = {
    "mp3": ("mp3", "libmp3lame", "fltp"),
    "opus": ("ogg", "libopus", "flt"),
    "m4a": ("ipod", "aac", "fltp"),
    "aac": ("adts", "aac", "fltp"),
    "alac": ("ipod", "alac", "s16p"),
    "wma": ("asf", "wmav2", "fltp"),
    "webm": ("webm", "libopus", "flt"),
    "mka": ("matroska", "flac", "s16"),
    "wv": ("wv", "wavpack", "fltp"),
    "tta": ("tta", "tta", "s16"),
    "ac3": ("ac3", "ac3", "fltp"),
    "oggflac": ("ogg", "flac", "s16"),
    "mp4": ("mp4", "aac", "fltp"),  # with pictures
}
FORMATS = (*BY_SOUNDFILE, *BY_FFMPEG)
# Read as well, but not promised: only damaged ones are tested.
OTHERS = {
    "avi": ("avi", "libmp3lame", "fltp"),
    "flv": ("flv", "aac", "fltp"),
    "mpg": ("mpeg", "mp2", "s16"),
    "mp2": ("mp2", "mp2", "s16"),
    "wma1": ("asf", "wmav1", "fltp"),
}
LOSSLESS = (*(fmt for fmt in BY_SOUNDFILE if fmt != "ogg"), "alac", "mka", "wv", "tta", "oggflac")

_SUFFIX = {"alac": ".m4a", "oggflac": ".ogg", "rf64": ".wav", "wavex": ".wav", "flac24": ".flac"}


def suffix(fmt: str) -> str:
    """File name extension that people give to this format."""
    if fmt in _SUFFIX:
        return _SUFFIX[fmt]
    return ".wav" if fmt.startswith("wav") else ".aiff" if fmt.startswith("aiff") else f".{fmt}"


def tone(
    seconds: float = 1.0, *, hz: float = 440.0, sr: int = 44100, amplitude: float = 0.5, channels: int = 1
) -> np.ndarray:
    """A sine [shape=(n,)] or [shape=(channels, n)]; channel k sounds at (k + 1) times `hz`."""
    t = np.arange(round(seconds * sr)) / sr
    y = np.stack([amplitude * np.sin(2 * np.pi * hz * (k + 1) * t) for k in range(channels)])
    return (y if channels > 1 else y[0]).astype(np.float32)


def noise(
    seconds: float = 1.0, *, sr: int = 44100, amplitude: float = 0.1, channels: int = 1, seed: int = 0
) -> np.ndarray:
    """White Gaussian noise of standard deviation `amplitude` [shape=(n,)] or [shape=(channels, n)]."""
    y = amplitude * np.random.default_rng(seed).standard_normal((channels, round(seconds * sr)))
    return (y if channels > 1 else y[0]).astype(np.float32)


def write(
    path: str | Path | BinaryIO, y: np.ndarray, sr: int, fmt: str, *, bitrate: int = 192_000, **options: str
) -> str | Path | BinaryIO:
    """Encode a sound [shape=(n,)] or [shape=(channels, n)] in one of `FORMATS`; return `path`."""
    channels = np.atleast_2d(y)
    if fmt in BY_SOUNDFILE:
        import soundfile

        container, subtype = BY_SOUNDFILE[fmt]
        with soundfile.SoundFile(path, "w", sr, len(channels), subtype, format=container) as file:
            for start in range(0, channels.shape[1], 65_536):  # libvorbis overflows its stack on long writes
                file.write(channels.T[start : start + 65_536])
    else:
        _write_ffmpeg(path, channels, sr, fmt, bitrate, options)
    return path


def encode(y: np.ndarray, sr: int, fmt: str, *, bitrate: int = 192_000, **options: str) -> bytes:
    """Encode a sound as bytes."""
    file = io.BytesIO()
    write(file, y, sr, fmt, bitrate=bitrate, **options)
    return file.getvalue()


def _write_ffmpeg(
    path: str | Path | BinaryIO, y: np.ndarray, sr: int, fmt: str, bitrate: int, options: dict[str, str]
) -> None:
    import av

    container_name, codec, sample_format = (BY_FFMPEG | OTHERS)[fmt]
    target = str(path) if isinstance(path, (str, Path)) else path
    with av.open(target, "w", format=container_name, options=options) as container:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(y)]
        sr_codec = 48000 if codec == "libopus" else sr
        stream = container.add_stream(codec, rate=sr_codec, layout=layout, format=sample_format)
        if codec not in ("alac", "flac", "wavpack", "tta"):
            stream.bit_rate = bitrate
        if codec == "aac":
            # Else its decoder fills noisy bands with noise of its own, which is another after every jump.
            stream.options = {"aac_pns": "0"}
        if fmt == "mp4":
            _add_pictures(container)
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=sr_codec, frame_size=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sr, 0, Fraction(1, sr)
        fifo = av.AudioFifo()
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            part.pts = None
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        position = 0
        while (part := fifo.read(size, partial=True)) is not None:
            part.pts, part.time_base = position, Fraction(1, sr_codec)
            position += part.samples
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def _add_pictures(container: Any) -> None:
    """Add a video track of five grey pictures."""
    import av

    stream = container.add_stream("mpeg4", rate=5)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 5)
    for index in range(5):
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 50 * index, np.uint8), format="rgb24")
        grey.pts, grey.time_base = index, Fraction(1, 5)
        container.mux(stream.encode(grey))
    container.mux(stream.encode(None))


_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Damage a file in one to three random ways, most of them in its header."""
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        if not damaged:
            break
        reach = min(len(damaged), int(rng.choice([64, 512, 4096, len(damaged)], p=[0.35, 0.3, 0.15, 0.2])))
        at = int(rng.integers(reach))
        way = rng.integers(7)
        if way == 0:  # cut off
            del damaged[int(rng.integers(len(damaged))) :]
        elif way == 1:  # flip bits
            for _ in range(rng.integers(1, 9)):
                damaged[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
        elif way == 2:  # extreme numbers
            size = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice(_EXTREMES)) % (1 << 8 * size)
            damaged[at : at + size] = value.to_bytes(size, str(rng.choice(["little", "big"])))  # type: ignore[arg-type]
        elif way == 3:  # noise
            damaged[at : at + 32] = rng.bytes(int(rng.integers(1, 33)))
        elif way == 4:  # leave out
            del damaged[at : at + int(rng.integers(1, 65))]
        elif way == 5:  # repeat
            damaged[at:at] = damaged[at : at + int(rng.integers(1, 257))]
        else:  # go on with another file
            other = others[int(rng.integers(len(others)))]
            damaged[at:] = other[int(rng.integers(len(other))) :]
    return bytes(damaged)


def corpus(seconds: float = 0.4) -> dict[str, bytes]:
    """One short file of every format, for mutation."""
    files = {fmt: encode(noise(seconds, channels=2), 44100, fmt) for fmt in (*FORMATS, *OTHERS)}
    files["mono8k"] = encode(tone(seconds, sr=8000), 8000, "mp3", bitrate=16_000)
    files["id3"] = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + files["mp3"]
    files["fragmented"] = encode(
        noise(seconds, channels=2), 44100, "m4a", movflags="empty_moov+frag_keyframe"
    )
    files["surround"] = encode(noise(seconds, channels=6), 48000, "wav24")
    files["octophonic"] = encode(noise(seconds, channels=8), 44100, "ogg")
    return files


def silent_video() -> bytes:
    """An MP4 with pictures and no sound."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        _add_pictures(container)
    return file.getvalue()


class OneWay(io.RawIOBase):
    """Bytes as a pipe gives them: forward only."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, n: int = -1, /) -> bytes:
        return self._inner.read(n)
