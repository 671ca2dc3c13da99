"""DKIM signatures (RFC 6376; Ed25519: RFC 8463): a message and keys in, header fields to put on top out."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from core.errors import OperatorError
from engine.mail import canonical, header
from engine.mail.choices import SIGNED, Algorithm, Form

_LEAST_RSA_BITS: Final = 1024
"""RFC 8301 section 3.2; 2048 is usual."""

_WIDTH: Final = 72


PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and what its signatures say. `headers` are lower-case names."""

    domain: str
    selector: str
    private: PrivateKey
    header_form: Form = Form.RELAXED
    body_form: Form = Form.RELAXED
    headers: frozenset[bytes] = frozenset(name.encode() for name in SIGNED)

    @property
    def algorithm(self) -> Algorithm:
        is_rsa = isinstance(self.private, rsa.RSAPrivateKey)
        return Algorithm.RSA_SHA256 if is_rsa else Algorithm.ED25519_SHA256


def load_private_key(pem: bytes, algorithm: Algorithm, where: str) -> PrivateKey:
    """Read a PEM file. Raises OperatorError that says what it holds and what it should hold."""
    try:
        found = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise OperatorError(
            f"{where}: the key is encrypted; write it without a passphrase: openssl pkey -in KEY -out PLAIN"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"{where}: this is no private key in PEM form; make one with: openssl genrsa -out KEY 2048,"
            " or: openssl genpkey -algorithm ed25519 -out KEY"
        ) from error
    if not isinstance(found, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise OperatorError(f"{where}: DKIM knows RSA and Ed25519 keys, and this is neither")
    if isinstance(found, rsa.RSAPrivateKey) and found.key_size < _LEAST_RSA_BITS:
        raise OperatorError(
            f"{where}: an RSA key of {found.key_size} bits is ignored by receivers (RFC 8301); use 2048"
        )
    _check_algorithm(found, algorithm, where)
    return found


def _check_algorithm(found: PrivateKey, algorithm: Algorithm, where: str) -> None:
    holds = Algorithm.RSA_SHA256 if isinstance(found, rsa.RSAPrivateKey) else Algorithm.ED25519_SHA256
    if algorithm not in {Algorithm.AUTO, holds}:
        raise OperatorError(
            f"{where}: the file holds a key for {holds}, not {algorithm}; write algorithm: {holds}"
        )


def keys_for(keys: dict[str, tuple[Key, ...]], content: bytes) -> tuple[Key, ...]:
    """The keys of the From field's domain, or of the nearest parent that has any."""
    start, _ = header.split(content)
    domain = header.mail_domain(header.first(header.fields(start), b"from"))
    while domain:
        found = keys.get(domain)
        if found:
            return found
        domain = domain.partition(".")[2]
    return ()


def sign(content: bytes, keys: tuple[Key, ...], at: int) -> bytes:
    """The DKIM-Signature fields for a message, one per key; `at` in POSIX seconds.

    `content` must be what goes over the wire, CR LF line ends and all (`engine.smtp.data.normalise`).
    From is named once more than it is there, so that nobody can add a second one.
    """
    start, body = header.split(content)
    found = header.fields(start)
    hashed: dict[Form, str] = {}
    signatures = []
    for key in keys:
        if key.body_form not in hashed:
            digest = canonical.body_hash(content, body, key.body_form)
            hashed[key.body_form] = base64.b64encode(digest).decode()
        signatures.append(_signature(key, found, hashed[key.body_form], at))
    return b"".join(signatures)


def _signature(key: Key, found: list[header.Field], body_hash: str, at: int) -> bytes:
    chosen = [field for field in reversed(found) if field.key in key.headers]
    named = [field.key.decode() for field in chosen] + ["from"]
    tags = (
        f" v=1; a={key.algorithm}; c={key.header_form}/{key.body_form}; d={key.domain};\r\n"
        f"\ts={key.selector}; t={at};\r\n"
        f"\th={_folded_names(named)};\r\n"
        f"\tbh={body_hash};\r\n"
        f"\tb="
    )
    own = header.Field(b"DKIM-Signature", tags.encode())
    parts = [canonical.field(field, key.header_form) for field in chosen]
    data = b"".join([part + b"\r\n" for part in parts]) + canonical.field(own, key.header_form)
    value = base64.b64encode(_raw_signature(key.private, data))
    folded = b"\r\n\t".join(value[i : i + _WIDTH] for i in range(0, len(value), _WIDTH))
    return own.name + b":" + own.body + folded + b"\r\n"


def _raw_signature(private: PrivateKey, data: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return private.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3: PureEdDSA over the hash


def _folded_names(names: list[str]) -> str:
    lines, width = [""], 0
    for name in names:
        if width + len(name) > _WIDTH:
            lines.append("")
            width = 0
        lines[-1] += f"{name}:"
        width += len(name) + 1
    return "\r\n\t".join(lines).rstrip(":")
