"""The query language of a library: text to a tree, and back.

::

    genre:jazz mood:calm bpm:90..110 -genre:latin
    (artist:"miles davis" or artist:coltrane) year:1955..1965
    blue moon*                          words of title, artist, album and path

Terms stand side by side and must all hold; ``or`` joins alternatives, ``-`` or ``NOT`` excludes, brackets
group. A term is ``field:value``, a comparison such as ``bpm>120``, or a word. `parse` knows nothing of any
library; `earmark.library.search` finds what a tree means in one.
"""

from earmark.library.query.formatter import format_query
from earmark.library.query.nodes import And, Choice, Keys, Label, Missing, Node, Not, Or, Range, Words
from earmark.library.query.parser import from_arguments, parse

__all__ = [
    "And",
    "Choice",
    "Keys",
    "Label",
    "Missing",
    "Node",
    "Not",
    "Or",
    "Range",
    "Words",
    "format_query",
    "from_arguments",
    "parse",
]
