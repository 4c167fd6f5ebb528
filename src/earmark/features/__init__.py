"""From sound to numbers: the log-mel spectrogram and the descriptors of music. The only home of DSP."""

from .beat_tracking import beats
from .by_frame import FrameFeatures, frame_features
from .cepstrum import delta, mfcc
from .describe import Descriptors, descriptors
from .key import KEYS, estimate_key, key_scores
from .mel import fft_frequencies, hz_to_mel, mel_filterbank, mel_frequencies, mel_to_hz
from .pitch_class import PITCH_CLASSES, chroma, chroma_filterbank
from .rhythm import OnsetStream, onset_strength, tempo
from .spec import FeatureSpec
from .spectral import (
    spectral_bandwidth,
    spectral_centroid,
    spectral_contrast,
    spectral_flatness,
    spectral_rolloff,
)
from .spectrum import magnitudes
from .stream import Frames, FrameStream, log_mel
from .temporal import rms, zero_crossing_rate
from .tuning import estimate_tuning
from .view import db_to_power, frame_times, mel_to_power, note_frequency, note_name

__all__ = [
    "KEYS",
    "PITCH_CLASSES",
    "Descriptors",
    "FeatureSpec",
    "FrameFeatures",
    "FrameStream",
    "Frames",
    "OnsetStream",
    "beats",
    "chroma",
    "chroma_filterbank",
    "db_to_power",
    "delta",
    "descriptors",
    "estimate_key",
    "estimate_tuning",
    "fft_frequencies",
    "frame_features",
    "frame_times",
    "hz_to_mel",
    "key_scores",
    "log_mel",
    "magnitudes",
    "mel_filterbank",
    "mel_frequencies",
    "mel_to_hz",
    "mel_to_power",
    "mfcc",
    "note_frequency",
    "note_name",
    "onset_strength",
    "rms",
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_flatness",
    "spectral_rolloff",
    "tempo",
    "zero_crossing_rate",
]
