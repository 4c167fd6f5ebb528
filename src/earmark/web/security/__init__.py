"""Who may ask for what: checks before a request reaches its route. Each is plain ASGI, for WebSockets too."""

from earmark.web.security.bodies import LimitBodies, body_of
from earmark.web.security.guard import Guard
from earmark.web.security.headers import SafeHeaders
from earmark.web.security.hosts import KnownHosts
from earmark.web.security.origins import same_origin
from earmark.web.security.rates import RequestRates
from earmark.web.security.tokens import Tokens

__all__ = [
    "Guard",
    "KnownHosts",
    "LimitBodies",
    "RequestRates",
    "SafeHeaders",
    "Tokens",
    "body_of",
    "same_origin",
]
