"""From sound to numbers: the log-mel spectrogram and the descriptors of music. The only home of DSP."""

from earmark.features.beats import beats
from earmark.features.chroma import ChromaStream, chroma, chroma_filterbank
from earmark.features.descriptors import Descriptors, DescriptorStream, descriptors, descriptors_digest
from earmark.features.frame_features import FrameFeatures, FrameFeatureStream, frame_features
from earmark.features.key import KEYS, estimate_key, key_scores
from earmark.features.key_choice import KeyCandidate
from earmark.features.log_mel import Frames, FrameStream, log_mel
from earmark.features.mel import fft_frequencies, hz_to_mel, mel_filterbank, mel_frequencies, mel_to_hz
from earmark.features.method import method_digest
from earmark.features.mfcc import delta, mfcc
from earmark.features.picture import Picture, PictureStream
from earmark.features.pulse import PulseStream
from earmark.features.rhythm import OnsetStream, onset_strength, tempo
from earmark.features.spec import FeatureSpec
from earmark.features.spectral import (
    spectral_bandwidth,
    spectral_centroid,
    spectral_contrast,
    spectral_flatness,
    spectral_rolloff,
)
from earmark.features.stft import magnitudes
from earmark.features.tempo_choice import TempoCandidate
from earmark.features.tonal import RecentTonalStream, TonalStream
from earmark.features.tuning import estimate_tuning
from earmark.features.waveform import rms, zero_crossing_rate
from earmark.vocabulary import PITCH_CLASSES

__all__ = [
    "KEYS",
    "PITCH_CLASSES",
    "ChromaStream",
    "DescriptorStream",
    "Descriptors",
    "FeatureSpec",
    "FrameFeatureStream",
    "FrameFeatures",
    "FrameStream",
    "Frames",
    "KeyCandidate",
    "OnsetStream",
    "Picture",
    "PictureStream",
    "PulseStream",
    "RecentTonalStream",
    "TempoCandidate",
    "TonalStream",
    "beats",
    "chroma",
    "chroma_filterbank",
    "delta",
    "descriptors",
    "descriptors_digest",
    "estimate_key",
    "estimate_tuning",
    "fft_frequencies",
    "frame_features",
    "hz_to_mel",
    "key_scores",
    "log_mel",
    "magnitudes",
    "mel_filterbank",
    "mel_frequencies",
    "mel_to_hz",
    "method_digest",
    "mfcc",
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
