"""Addresses in somebody else's table: what is fetched, over real TLS, and what never is."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from varifactory.decoding import ImageTooLarge
from varifactory.keys import spec_of
from varifactory.recipe import Sources
from varifactory.sources import list_sources, source_fields
from varifactory.sources.reading import read_sources
from varifactory.sources.web import AddressRefused, fetch, is_public

PRIVATE = [
    "http://example.org/a.png", "file:///etc/passwd", "ftp://example.org/a.png",
    "https://127.0.0.1/a.png", "https://localhost/a.png", "https://0x7f.1/a.png",
    "https://2130706433/a.png", "https://[::1]/a.png", "https://[::ffff:127.0.0.1]/a.png",
    "https://[2002:7f00:1::]/a.png", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/",
    "https://10.0.0.1/a.png", "https://192.168.1.1/a.png", "https://100.64.0.1/a.png",
    "https://224.0.0.1/a.png", "https://user:password@example.org/a.png", "https:///a.png",
    "https://example.org:0/a.png", "https://example.org:99999/a.png", "https://example.org/a b",
    "gopher://127.0.0.1:70/_x", "https://[bad/a.png",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_a_hostile_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(AddressRefused) as told:
        fetch(url)
    assert "password" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("fe80::1%eth0", False), ("fc00::1", False)],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "https://127.0.0.1/")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            data = b"x" * (5000 if self.path == "/large" else 10)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                          serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    pem = certificate(tmp_path_factory.mktemp("tls"))
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(pem)
    serving.socket = own.wrap_socket(serving.socket, server_side=True)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"https://localhost:{serving.server_port}", ssl.create_default_context(cafile=str(pem))
    serving.shutdown()
    thread.join()
    serving.server_close()


def loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def test_an_image_is_fetched_over_tls(server: tuple[str, ssl.SSLContext]) -> None:
    url, trust = server
    assert fetch(f"{url}/a.png", permitted=loopback, context=trust) == b"x" * 10


def test_a_redirect_is_refused(server: tuple[str, ssl.SSLContext]) -> None:
    url, trust = server
    with pytest.raises(AddressRefused, match="sends elsewhere"):
        fetch(f"{url}/elsewhere", permitted=loopback, context=trust)


def test_what_is_too_large_is_not_read_on(server: tuple[str, ssl.SSLContext]) -> None:
    url, trust = server
    with pytest.raises(ImageTooLarge, match="larger than 1000 bytes"):
        fetch(f"{url}/large", permitted=loopback, context=trust, most=1000)


def test_a_slow_server_is_left(server: tuple[str, ssl.SSLContext]) -> None:
    url, trust = server
    began = time.monotonic()
    with pytest.raises(OSError, match="too long"):
        fetch(f"{url}/slow", permitted=loopback, context=trust, seconds=1.0)
    assert time.monotonic() - began < 4


def test_a_missing_image_is_an_error_that_may_pass(server: tuple[str, ssl.SSLContext]) -> None:
    url, trust = server
    with pytest.raises(OSError, match="answered 404"):
        fetch(f"{url}/missing", permitted=loopback, context=trust)


def test_a_certificate_nobody_vouches_for_is_refused(server: tuple[str, ssl.SSLContext]) -> None:
    with pytest.raises(ssl.SSLError):
        fetch(f"{server[0]}/a.png", permitted=loopback)


def test_the_connection_goes_to_the_address_that_was_checked(
    server: tuple[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for another address at its second look-up gains nothing."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def once(host: str, port: int, *args: object, **more: object) -> object:
        asked.append(host)
        return real(host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    url, trust = server
    fetch(f"{url}/a.png", permitted=loopback, context=trust)
    assert asked.count("localhost") == 1


def test_a_tables_addresses_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    table = tmp_path / "images.parquet"
    cells = ["https://127.0.0.1/a.png", "https://127.0.0.1/b.png"]
    pq.write_table(pa.table({"image": cells, "label": ["owl", "cup"]}), table)
    settings = Sources(kind="table", uri=str(table))
    listing = list_sources(spec_of("sources", source_fields(settings)), settings)
    for made in read_sources(listing.planned, settings):
        assert made.row["status"] == "skipped", "another setting makes it anew"
        assert "sources.fetch_urls" in made.row["reason"]
    asked = settings.model_copy(update={"fetch_urls": True})
    for made in read_sources(listing.planned, asked):
        assert made.row["status"] == "rejected"
        assert "no public address" in made.row["reason"]


@pytest.mark.parametrize("uri", ["http://169.254.169.254/x", "github://a:b@c", "sftp://x"])
def test_sources_lie_in_folders_and_buckets_alone(uri: str) -> None:
    from varifactory.errors import SourceError

    settings = Sources(kind="folder", uri=uri)
    with pytest.raises(SourceError, match="here or on s3://"):
        list_sources(spec_of("sources", source_fields(settings)), settings)
