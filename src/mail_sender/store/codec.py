"""How a message's content is written down: MessagePack of `domain.message.Content`.

The same bytes are stored and fingerprinted, so encoding must not depend on anything but the
content. Fields may be added with a default; none may be renamed or removed (old rows).
"""

from __future__ import annotations

import hashlib

import msgspec

from ..domain.message import Content

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Content)


def encode_content(content: Content) -> bytes:
    """Return the stored form."""
    return _encoder.encode(content)


def decode_content(encoded: bytes) -> Content:
    """Return the content. Raises `msgspec.DecodeError` for a damaged row."""
    return _decoder.decode(encoded)


def fingerprint(encoded: bytes) -> bytes:
    """Return the 16 bytes that tell whether two requests ask for the same."""
    return hashlib.blake2b(encoded, digest_size=16).digest()
