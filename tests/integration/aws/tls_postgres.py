"""A Postgres at which one signs in as at RDS Proxy with IAM: TLS first, then the token in clear. It knows no SQL but `SELECT 1`.

The embedded Postgres speaks no TLS. https://www.postgresql.org/docs/18/protocol-flow.html
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SSL_REQUEST = 80877103


@dataclass(slots=True)
class TlsPostgres:
    """`sign_ins` holds user and password of each connection; `refused` counts those without TLS or that hung up."""

    port: int
    authority: Path
    sign_ins: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0


@asynccontextmanager
async def running_tls_postgres(folder: Path, name: str = "localhost") -> AsyncIterator[TlsPostgres]:
    """A server whose certificate says that it is `name`, by an authority of its own."""
    authority = folder / "authority.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_make_certificate(folder, name, authority))
    postgres = TlsPostgres(0, authority)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(postgres, context, reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            postgres.refused += 1
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    postgres.port = server.sockets[0].getsockname()[1]
    try:
        yield postgres
    finally:
        server.close()


async def _serve(
    postgres: TlsPostgres, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if struct.unpack("!ii", await reader.readexactly(8)) != (8, _SSL_REQUEST):
        raise ValueError("no TLS")
    writer.write(b"S")
    await writer.start_tls(context)
    (size,) = struct.unpack("!i", await reader.readexactly(4))
    fields = (await reader.readexactly(size - 4))[4:].split(b"\0")
    user = fields[fields.index(b"user") + 1].decode()
    writer.write(_message(b"R", struct.pack("!i", 3)))  # the password in clear, please
    _, password = await _read_message(reader)
    postgres.sign_ins.append((user, password.rstrip(b"\0").decode()))
    writer.write(_message(b"R", struct.pack("!i", 0)) + _message(b"S", b"server_version\x0018.0\0") + _ready(b"I"))
    while (await _read_message(reader))[0] != b"X":
        writer.write(_message(b"C", b"SELECT 0\0") + _ready(b"I"))


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, size = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _ready(state: bytes) -> bytes:
    return _message(b"Z", state)


def _make_certificate(folder: Path, name: str, authority: Path) -> Path:
    """Key and certificate of `name` in one file; it is its own authority, and is written there too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    authority.write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + pem)
    return folder / "server.pem"
