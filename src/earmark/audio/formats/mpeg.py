"""Frame headers of MPEG audio: enough to know the format and to find the encoder's own count of frames."""

from __future__ import annotations

import re

# Bit rates in kbit/s for index 1 to 14: ISO/IEC 11172-3 section 2.4.2.3 (MPEG-1, layers I, II, III) and
# ISO/IEC 13818-3 section 2.4.2.3 (MPEG-2: layer I; layers II and III).
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_UNKNOWN_FRAMES = 0x7F000000  # 600,000 hours: written where the count was not known
_HALVINGS = {3: 0, 2: 1, 0: 2}  # version bits -> how often the MPEG-1 rate is halved (MPEG-1, 2, 2.5)


def mpeg_frame_length(header: bytes) -> int:
    """Bytes of the MPEG audio frame (layers I to III) that begins here; 0 if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version_bits, layer_bits = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, sr_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version_bits == 1 or layer_bits == 0 or rate_index in (0, 15) or sr_index == 3:
        return 0
    version, layer = (1 if version_bits == 3 else 2), 4 - layer_bits
    sr = (44100, 48000, 32000)[sr_index] >> _HALVINGS[version_bits]
    rate = 1000 * _KBPS[version, layer if version == 1 else min(layer, 2)][rate_index - 1]
    if layer == 1:
        return (12 * rate // sr + padding) * 4
    slots = 72 if version == 2 and layer == 3 else 144
    return slots * rate // sr + padding


def adts_frame_length(header: bytes) -> int:
    """Bytes of the AAC frame with an ADTS header (ISO/IEC 13818-7, 6.2) that begins here; 0 if none does."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def loas_frame_length(header: bytes) -> int:
    """Bytes of the AAC frame in LOAS (ISO/IEC 14496-3, 1.7.2) that begins here; 0 if none does."""
    if len(header) < 3 or header[0] != 0x56 or header[1] & 0xE0 != 0xE0:
        return 0
    length = (header[1] & 0x1F) << 8 | header[2]
    return 3 + length if length > 7 else 0


_LENGTHS = {"mp3": mpeg_frame_length, "aac": adts_frame_length, "loas": loas_frame_length}
_SYNC = re.compile(rb"[\xff\x56][\xe0-\xff]")


def find_frames(data: bytes, *, in_a_row: int = 3) -> tuple[str, int]:
    """Find frames of which each says where the next begins: chance does not do that.

    Returns
    -------
    kind : str
        ``"mp3"``, ``"aac"``, ``"loas"`` or, if there are none, ``""``.
    offset : int
        Where the first begins.
    """
    for sync in _SYNC.finditer(data):
        offset = sync.start()
        for kind, length in _LENGTHS.items():
            position, found = offset, 0
            while found < in_a_row and (step := length(data[position : position + 6])):
                position, found = position + step, found + 1
            # A file of one or two frames ends before the third.
            if found == in_a_row or (found and offset == 0 and position >= len(data) and kind != "loas"):
                return kind, offset
    return "", 0


def counted_length(data: bytes) -> int | None:
    """Count the samples of an MP3 by the encoder's note in its first frame; None without one.

    Without a note the length of a file is a guess from its size, and no proof that something is missing.
    The notes are Xing's or "Info" (number of frames; then LAME's delay and padding, which decoders remove)
    and Fraunhofer's VBRI: G. Bouvigne, "MP3 Info Tag revision 1"; K. Windszus, "MPEG Audio Frame Header".
    """
    kind, offset = find_frames(data)
    frame = data[offset : offset + 220]
    if kind != "mp3" or len(frame) < 60:
        return None
    n_frame = 1152 if frame[1] >> 3 & 3 == 3 else 576
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big") * n_frame or None
    note = max(frame.find(b"Xing", 0, 40), frame.find(b"Info", 0, 40))
    if note < 0 or not frame[note + 7] & 1:
        return None
    n = int.from_bytes(frame[note + 8 : note + 12], "big") * n_frame
    if n >= _UNKNOWN_FRAMES * n_frame:
        return None
    # Flags say which fields come before the encoder's name: frames, bytes, table of contents, quality.
    encoder = note + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if frame[note + 7] >> bit & 1)
    if frame[encoder : encoder + 4] in (b"LAME", b"Lavf", b"Lavc"):
        trimmed = int.from_bytes(frame[encoder + 21 : encoder + 24], "big")
        n -= (trimmed >> 12) + (trimmed & 0xFFF)
    return n if n > 0 else None
