"""A certificate of one's own for the network at home: browsers give the microphone to HTTPS only."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import MissingExtraError
from earmark.storage import make_folder, write_atomic
from earmark.web.serving.secret import folder

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE, KEY = "certificate.pem", "key.pem"
VALID_DAYS = 397  # browsers refuse certificates that are valid for longer
RENEW_DAYS = 14


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and its key, and by what a person may know it again.

    Parameters
    ----------
    certificate, key : Path
        In PEM; the key readable by its user alone.
    fingerprint : str
        SHA-256 as browsers show it.
    made : bool
        Whether it is new: every phone will ask again.
    """

    certificate: Path
    key: Path
    fingerprint: str
    made: bool


def certificate_for(
    names: Iterable[str], *, place: Path | None = None, now: datetime.datetime | None = None
) -> Certificate:
    """Return the certificate of this machine; a new one where there is none, or that is out of date.

    Parameters
    ----------
    names : iterable of str
        Names and addresses that it has to be valid for.
    place : Path, optional
        Folder; by default in the user's data folder.
    now : datetime, optional
        The time, in UTC.

    Raises
    ------
    MissingExtraError
        cryptography is not installed.
    OutputError
        It cannot be kept.
    """
    place = place or folder()
    now = now or datetime.datetime.now(datetime.UTC)
    wanted = tuple(dict.fromkeys(names))
    known = _read(place)
    if known is not None and _is_good(known, wanted, now):
        return Certificate(place / CERTIFICATE, place / KEY, _fingerprint(known), made=False)
    made = _make(place, wanted, now)
    return Certificate(place / CERTIFICATE, place / KEY, _fingerprint(made), made=True)


def _read(place: Path) -> x509.Certificate | None:
    """Return the certificate that is there, if its key is there too and fits."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise MissingExtraError(
            "HTTPS needs cryptography", hint="Try: pip install 'earmark[web]'."
        ) from error
    try:
        certificate = x509.load_pem_x509_certificate((place / CERTIFICATE).read_bytes())
        key = load_pem_private_key((place / KEY).read_bytes(), None)
        return certificate if key.public_key() == certificate.public_key() else None
    except (OSError, ValueError, TypeError):
        return None


def _is_good(certificate: x509.Certificate, names: tuple[str, ...], now: datetime.datetime) -> bool:
    from cryptography import x509

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    left = certificate.not_valid_after_utc - now
    in_time = certificate.not_valid_before_utc <= now and left > datetime.timedelta(days=RENEW_DAYS)
    return in_time and {*map(_general_name, names)} <= {*alternative}


def _make(place: Path, names: tuple[str, ...], now: datetime.datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "earmark on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of phones differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([*map(_general_name, names)]), critical=False)
        # It signs nothing but itself, so that a phone that trusts it trusts this machine alone.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    make_folder(place)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomic(place / KEY, private, private=True)
    write_atomic(place / CERTIFICATE, certificate.public_bytes(Encoding.PEM), private=True)
    return certificate


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _fingerprint(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
