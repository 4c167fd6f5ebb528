"""From sound to numbers: the log-mel spectrogram and the descriptors of music. The only home of DSP."""

from .mel import fft_frequencies, hz_to_mel, mel_filterbank, mel_frequencies, mel_to_hz
from .spec import FeatureSpec
from .stream import Frames, FrameStream, log_mel

__all__ = [
    "FeatureSpec",
    "FrameStream",
    "Frames",
    "fft_frequencies",
    "hz_to_mel",
    "log_mel",
    "mel_filterbank",
    "mel_frequencies",
    "mel_to_hz",
]
