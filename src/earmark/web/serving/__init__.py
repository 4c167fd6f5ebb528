"""Running the service: sockets, connections, the certificate and the address for a phone."""

from earmark.web.serving.addresses import Access, lan_addresses, machine_names
from earmark.web.serving.certificate import Certificate, certificate_for
from earmark.web.serving.qr import qr_lines
from earmark.web.serving.run import Service, bind
from earmark.web.serving.secret import saved_token

__all__ = [
    "Access",
    "Certificate",
    "Service",
    "bind",
    "certificate_for",
    "lan_addresses",
    "machine_names",
    "qr_lines",
    "saved_token",
]
