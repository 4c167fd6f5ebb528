"""Demo music, synthesised: drums, bass, chords and a tune in three styles."""

from earmark.demo.band import MODES, PEAK, PITCH_CLASSES
from earmark.demo.styles import STYLES, TUNE, Style, demo_clip, demo_medley

__all__ = ["MODES", "PEAK", "PITCH_CLASSES", "STYLES", "TUNE", "Style", "demo_clip", "demo_medley"]
