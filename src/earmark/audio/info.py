"""What is known of a source without decoding it."""

from __future__ import annotations

from dataclasses import dataclass, field

from earmark.errors import BadSampleRateError, NoChannelsError
from earmark.rates import HIGHEST_SR, LOWEST_SR


@dataclass(frozen=True)
class AudioInfo:
    """What a source says of itself.

    Parameters
    ----------
    duration : float or None
        Length in seconds as the container claims it; None where it does not say.
    codec : str
        How the samples are coded, such as ``"mp3"``, ``"aac"``, ``"pcm_16"``.
    container : str
        Kind of file, such as ``"wav"``, ``"mp4"``, ``"ogg"``.
    sr : int
        Sampling rate of the source in Hz.
    channels : int
        Number of channels of the source.
    bitrate : int or None
        Bits per second, averaged over the file; None where unknown.
    tags : dict of str to str
        Title, artist and so on, keys in lower case.
    """

    duration: float | None
    codec: str
    container: str
    sr: int
    channels: int
    bitrate: int | None = None
    tags: dict[str, str] = field(default_factory=dict)


def check_claims(name: str, *, sr: int, channels: int) -> None:
    """Refuse a rate or a number of channels that no recording has.

    Raises
    ------
    BadSampleRateError
        If `sr` is not within 1,000 Hz to 768,000 Hz.
    NoChannelsError
        If there is not one channel.
    """
    if channels < 1:
        raise NoChannelsError(
            f"{name} claims channels={channels}", hint="Accepted: at least one; the header is damaged."
        )
    if not LOWEST_SR <= sr <= HIGHEST_SR:
        raise BadSampleRateError(
            f"{name} claims a sampling rate of sr={sr} Hz",
            hint=f"Accepted: {LOWEST_SR:,} to {HIGHEST_SR:,} Hz. Try: correct the header if the sound "
            "itself is intact (sox -r, ffmpeg -ar).",
        )
