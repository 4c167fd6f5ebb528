"""Running the service: the command, its certificate, its token and its addresses."""

from __future__ import annotations

import datetime
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from running import connected, running

from earmark.cli import main
from earmark.errors import InputError, OutputError
from earmark.web import create_app
from earmark.web.serving import Access, bind, certificate_for, lan_addresses, qr_lines, saved_token

NAMES = ["127.0.0.1", "::1", "localhost", "machine.local"]


def test_a_certificate_is_made_kept_and_renewed(tmp_path: Path) -> None:
    first = certificate_for(NAMES, place=tmp_path)
    assert first.made and re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", first.fingerprint)
    for path in (first.certificate, first.key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = certificate_for(reversed(NAMES), place=tmp_path)
    assert not again.made and again.fingerprint == first.fingerprint
    assert not certificate_for(NAMES[:2], place=tmp_path).made
    moved = certificate_for([*NAMES, "10.0.0.7"], place=tmp_path)
    assert moved.made and moved.fingerprint != first.fingerprint
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=390)
    assert certificate_for(NAMES, place=tmp_path, now=later).made


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_certificate_is_replaced(tmp_path: Path, content: bytes) -> None:
    first = certificate_for(NAMES, place=tmp_path)
    first.certificate.write_bytes(content)
    assert certificate_for(NAMES, place=tmp_path).made
    first.key.write_bytes(content)
    assert certificate_for(NAMES, place=tmp_path).made


def test_the_certificate_holds_for_its_names(tmp_path: Path) -> None:
    certificate = certificate_for(NAMES, place=tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate.certificate, certificate.key)
    client = ssl.create_default_context(cafile=str(certificate.certificate))
    for name in NAMES:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (
            client.wrap_bio(incoming, outgoing, server_hostname=name),
            server.wrap_bio(outgoing, incoming, True),
        )
        for _ in range(4):
            for end in ends:
                with _suppressed(ssl.SSLWantReadError):
                    end.do_handshake()
        assert ends[0].version() == "TLSv1.3"


def _suppressed(*kinds: type[BaseException]) -> object:
    from contextlib import suppress

    return suppress(*kinds)


def test_the_token_is_kept_and_private(tmp_path: Path) -> None:
    token = saved_token(tmp_path / "new")
    assert len(token) >= 32 and saved_token(tmp_path / "new") == token
    file = tmp_path / "new" / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"\xff short")
    assert saved_token(tmp_path / "new") != token


def test_addresses() -> None:
    assert Access("::1", 80).url == "http://[::1]:80/"
    assert Access("h", 1, secure=True, token="a b&c").url == "https://h:1/?token=a%20b%26c"
    assert not {"127.0.0.1", "::1"} & set(lan_addresses())


@pytest.mark.parametrize("colours", [False, True])
def test_a_qr_code_can_be_read_back(colours: bool) -> None:
    import segno

    text = "https://192.168.1.20:8765/?token=abcdefghijklmnopqrstuvwxyz123456"
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in qr_lines(text, colours=colours)]
    # Colours set dark on light, so that a block is dark there and light without them.
    upper = {"█": True, "▀": True, "▄": False, " ": False}
    lower = {"█": True, "▀": False, "▄": True, " ": False}
    rows = [[table[c] == colours for c in line] for line in lines for table in (upper, lower)]
    expected = [
        [bool(m) for m in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)
    ]
    assert rows[: len(expected)] == expected


def test_a_port_that_is_taken_is_one_error() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OutputError, match=r"taken.*--port"):
        bind("127.0.0.1", taken.getsockname()[1])
    for host in ("nowhere.invalid", "192.0.2.77", "é" * 300):
        with pytest.raises(InputError, match="Accepted"):
            bind(host, 0)


def test_a_handshake_that_is_never_finished_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.web.serving.run.HANDSHAKE_SECONDS", 1.0)
    certificate = certificate_for(NAMES, place=tmp_path)
    trusted = ssl.create_default_context(cafile=str(certificate.certificate))
    with running(create_app("echo"), certificate=certificate) as port:
        began = time.monotonic()
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):  # nothing; half a hello
            with connected(port, sent) as silent:
                assert silent.recv(1) == b""  # closed, with no answer
        assert 1.5 < time.monotonic() - began < 10
        address = f"https://127.0.0.1:{port}/health"
        with urllib.request.urlopen(address, context=trusted, timeout=20) as answer:
            assert answer.status == 200


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="rights of ports")
def test_a_port_without_rights_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(OutputError, match="needs rights"):
        bind("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--no-token", "--lan"], 2, "exclude each other"),
        (["--token", "short"], 2, "too short"),
        (["--library", "missing.db"], 2, "missing.db"),
        (["--model", "no-such-model"], 3, "no model"),
        (["--host", "nowhere.invalid"], 2, "not known here"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str],
    status: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["earmark", "serve", "--port", "0", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    lines = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == status and text in lines[0] and len(lines) == 1, lines


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_the_network_and_stops(tmp_path: Path, way: signal.Signals) -> None:
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "earmark", "serve", "--lan", "--port", "0", "--jobs", "1", "--log"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "Ctrl-C" in line:
                break
        url = next(line.split()[-1] for line in seen if "https://127.0.0.1" in line)
        trusted = ssl.create_default_context(cafile=str(tmp_path / "earmark" / "serve" / "certificate.pem"))
        base, _, token = url.partition("?token=")
        asked = urllib.request.Request(
            f"{base}api/status?x={token}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(asked, context=trusted, timeout=20) as answer:
            assert b'"earmark-base"' in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{base}api/status", context=trusted, timeout=20)
        began = time.monotonic()
        process.send_signal(way)
        rest = process.stderr.read()
        assert process.wait(20) == 0 and time.monotonic() - began < 10
        assert "stopped" in rest and '"GET /api/status" 200' in rest and '"GET /api/status" 401' in rest
        assert token not in rest and "Traceback" not in rest
        assert any("█" in line for line in seen)
    finally:
        process.kill()
        process.wait()
