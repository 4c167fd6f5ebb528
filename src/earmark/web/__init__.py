"""The service: the same predictions over HTTP and WebSocket, and the page that shows them.

`create_app` makes it from a model and a library. Routes hold no logic: what they answer with comes from the
rooms to the left.
"""

from earmark.web.app import create_app
from earmark.web.settings import Settings

__all__ = ["Settings", "create_app"]
