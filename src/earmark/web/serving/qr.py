"""A QR code of half blocks, two rows of modules a line, for the terminal."""

from __future__ import annotations

from itertools import zip_longest

from earmark.errors import MissingExtraError

BORDER = 2  # modules; four by the standard, but every reader takes two and a terminal is small
DARK_ON_LIGHT = "\x1b[30;107m{}\x1b[0m"
# By whether the upper and the lower module are light. Without colours a terminal is taken to be dark.
BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
INVERTED = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}


def qr_lines(text: str, *, colours: bool = False) -> list[str]:
    """Return the lines of a QR code.

    Parameters
    ----------
    text : str
        What it holds.
    colours : bool
        Whether to set black on white by escape sequences, which is right on any background.

    Raises
    ------
    MissingExtraError
        segno is not installed.
    """
    try:
        import segno
    except ImportError as error:
        raise MissingExtraError("a QR code needs segno", hint="Try: pip install 'earmark[web]'.") from error
    rows = list(segno.make(text, error="l", micro=False).matrix_iter(border=BORDER))
    light = [[not module for module in row] for row in rows]
    lines = []
    for upper, lower in zip_longest(light[::2], light[1::2], fillvalue=[True] * len(light[0])):
        pairs = zip(upper, lower, strict=True)
        blocks = INVERTED if colours else BLOCKS
        line = "".join(blocks[pair] for pair in pairs)
        lines.append(DARK_ON_LIGHT.format(line) if colours else line)
    return lines
