"""Sampling rates in Hz: the default, and the lowest and highest that are taken for sound."""

from __future__ import annotations

DEFAULT_SR = 22_050
# From the slowest telephone and logger recordings to the fastest studio converters. Outside, the header is
# wrong, and a resampler would be asked for a filter of millions of taps.
LOWEST_SR = 1_000
HIGHEST_SR = 768_000
