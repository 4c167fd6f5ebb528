"""Tags of files: read them, plan changes, preview, apply and undo them.

>>> tags = read_tags("song.mp3")      # doctest: +SKIP
>>> tags.genres
('Hard Rock', 'Blues')
"""

from earmark.library.tags.fields import Tags
from earmark.library.tags.read import read_tags

__all__ = ["Tags", "read_tags"]
