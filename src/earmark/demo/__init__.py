"""Demo music, synthesised: drums, bass, chords and a tune in three styles."""

from earmark.demo.band import MODES, PEAK
from earmark.demo.styles import STYLES, TUNE, Style, demo_clip, demo_medley

__all__ = ["MODES", "PEAK", "STYLES", "TUNE", "Style", "demo_clip", "demo_medley"]
