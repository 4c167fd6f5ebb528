"""The commands by name: what each does, in a line, known without importing any of them.

A command is the function of that name in ``earmark.cli.commands.NAME``, or, where it has commands of its own,
the Typer app ``app`` there. A test compares the lines with the docstrings.
"""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "Your music": {
        "classify": "Predict genre, mood, tempo and key from the sound alone.",
        "listen": "Listen to a microphone, or replay a file, and show genre and mood of the last seconds.",
        "spectrogram": "Draw waveform, log-mel spectrogram, MFCC and chroma of a file.",
        "features": "Write a table of audio descriptors, one row for each file.",
        "serve": "Serve the page, live listening and the REST service.",
        "demo": "Synthesise a demo clip, classify it, and show what to try next.",
    },
    "Your library": {
        "scan": "Bring the library up to date with folders of music.",
        "search": "Find tracks of the library by genre, mood, tempo, key, year, tags or words.",
        "similar": "List the tracks of the library that sound most like a track, and why.",
        "duplicates": "List the recordings that are there in several files, the best file first.",
        "playlist": "Make a playlist: by query, by mood, by likeness; smooth, rising, falling or shuffled.",
        "moods": "Sort the library into the four quadrants of valence and arousal, and by mood words.",
        "library": "Show what the library holds, what failed, and correct it.",
        "export": "Write the tracks of the library to a table: CSV, JSON lines or Parquet.",
        "import": "Take corrections and analysed tracks from an exported table into the library.",
        "tag": "Write genre, mood, tempo and key into tags: plan, preview, apply, undo.",
    },
    "Your own genres": {
        "check": "Find what is wrong with a data set: copies, leaks, silence, outliers, label errors.",
        "train": "Train a model on labelled music and measure it.",
        "tune": "Search for good parameters of a model by cross-validation.",
        "importance": "Measure which parts of its input a trained model depends on.",
        "evaluate": "Evaluate a model on labelled music: metrics with intervals, and the worst errors.",
        "compare": "Compare two models on the same tracks by a paired test.",
    },
    "This installation": {
        "models": "List the models and families, or show the card of one.",
        "cache": "Show or remove the features that training has computed.",
        "doctor": "Show versions, codecs, checksums, library, microphone and speed.",
    },
}
COMMANDS: dict[str, str] = {name: line for group in GROUPS.values() for name, line in group.items()}

INTRODUCTION = "Genre, mood, tempo and key of music, from the sound alone."


def overview(*, colours: bool = False) -> str:
    """Help of ``earmark`` itself.

    Parameters
    ----------
    colours : bool
        Whether headings and names are set off by escape sequences.

    Returns
    -------
    str
        Lines of at most 100 characters.
    """

    def bold(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if colours else text

    width = max(map(len, COMMANDS))
    lines = [f"Usage: {bold('earmark')} COMMAND [ARGS]...", "", INTRODUCTION]
    for title, commands in GROUPS.items():
        lines += ["", f"{bold(title)}"]
        lines += [f"  {bold(name)}{' ' * (width - len(name))}  {line}" for name, line in commands.items()]
    lines += [
        "",
        "Options:",
        "  --version   Show the version and exit.",
        "  --help, -h  Show this help, or that of a command: earmark classify --help.",
        "",
        "Start with:  earmark demo,  or  earmark classify SONG.mp3",
    ]
    return "\n".join(lines) + "\n"
