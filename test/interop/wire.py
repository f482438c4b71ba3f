"""Bytes of protocol 0.9.0 as the reference writes and reads them: primitives, packets, envelope
and signatures. No sockets, no clock, no files.

Reading is as lenient as the reference: a length beyond the end returns what is left, an int at
the end has the value of the bytes that are there. Only a short double and bad UTF-8 raise.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from ecdsa import SECP256k1, BadSignatureError, SigningKey, VerifyingKey

HELLO, PEERS, UPDATE, PING, DATA = 1, 2, 3, 4, 5
TYPE_OF_PATH = {"/hello": HELLO, "/peers": PEERS, "/update": UPDATE, "/ping": PING, "/data": DATA}
PATH_OF_TYPE = {kind: path for path, kind in TYPE_OF_PATH.items()}


class Refusal(Exception):
    """A status and a text that the asker gets as the HTTP answer."""

    def __init__(self, status: int, text: str):
        super().__init__(status, text)


# --- primitives -------------------------------------------------------------------------------


def pack_int(value: int) -> bytes:
    return struct.pack("<I", value)


def pack_bytes(value: bytes) -> bytes:
    return pack_int(len(value)) + value


def pack_str(value: str | None) -> bytes:
    return pack_bytes((value or "").encode("utf-8"))


class Reader:
    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        self._at += len(part)
        return part

    def int(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def double(self) -> float:
        return struct.unpack(">d", self.take(8))[0]

    def bytes(self) -> bytes:
        return self.take(self.int())

    def str(self) -> str:
        return self.bytes().decode("utf-8")


# --- packets (bodies, after the type byte) ----------------------------------------------------


@dataclass
class Endpoint:
    address: str | None
    port: int

    def to_bytes(self) -> bytes:
        return pack_str(self.address) + pack_int(self.port)

    @staticmethod
    def from_bytes(data: bytes) -> Endpoint:
        reader = Reader(data)
        return Endpoint(reader.str() or None, reader.int())


@dataclass
class HelloPacket:
    version: str
    node_id: str
    address: str | None
    port: int
    public_key: bytes
    signature: bytes = b""
    detected_address: str | None = None

    def _head(self) -> bytes:
        who = pack_str(self.version) + pack_str(self.node_id) + pack_str(self.address)
        return who + pack_int(self.port) + pack_bytes(self.public_key)

    def signed(self) -> bytes:
        """Detected address is empty here: the answering node fills it in after signing."""
        return self._head() + pack_str("")

    def to_bytes(self) -> bytes:
        return self._head() + pack_bytes(self.signature) + pack_str(self.detected_address)

    @staticmethod
    def from_bytes(data: bytes) -> HelloPacket:
        r = Reader(data)
        packet = HelloPacket(
            r.str(), r.str(), r.str() or None, r.int(), r.bytes(), r.bytes(), r.str() or None
        )
        if not packet.version or not packet.node_id or not packet.public_key:
            raise Refusal(406, "Malformed packet")
        return packet


@dataclass
class PeersPacket:
    node_id: str
    signature: bytes = b""
    connections: dict[str, Endpoint] = field(default_factory=dict)

    def _tail(self) -> bytes:
        entries = [pack_str(i) + pack_bytes(e.to_bytes()) for i, e in self.connections.items()]
        return pack_int(len(entries)) + b"".join(entries)

    def signed(self) -> bytes:
        return pack_str(self.node_id) + self._tail()

    def to_bytes(self) -> bytes:
        return pack_str(self.node_id) + pack_bytes(self.signature) + self._tail()

    @staticmethod
    def from_bytes(data: bytes) -> PeersPacket:
        reader = Reader(data)
        packet = PeersPacket(reader.str(), reader.bytes())
        for _ in range(reader.int()):  # the count is believed, as the reference does
            node_id = reader.str()
            packet.connections[node_id] = Endpoint.from_bytes(reader.bytes())
        return packet


@dataclass
class StatePacket:
    """`text` stands in for the dumped state when a forger wants other JSON on the wire."""

    node_id: str
    last_update: float
    state: Any
    signature: bytes = b""
    text: str | None = None

    def json(self) -> str:
        return json.dumps(self.state) if self.text is None else self.text

    def signed(self) -> bytes:
        return self._head() + pack_str(self.json())

    def to_bytes(self) -> bytes:
        return self._head() + pack_bytes(self.signature) + pack_str(self.json())

    def _head(self) -> bytes:
        return pack_str(self.node_id) + struct.pack(">d", self.last_update)

    @staticmethod
    def from_bytes(data: bytes) -> StatePacket:
        reader = Reader(data)
        node_id = reader.str()
        if not node_id:
            raise Refusal(406, "Malformed packet")
        last_update, signature = reader.double(), reader.bytes()
        return StatePacket(node_id, last_update, json.loads(reader.str()), signature)


@dataclass
class DataPacket:
    node_id: str
    data: bytes
    signature: bytes = b""

    def signed(self) -> bytes:
        return pack_str(self.node_id) + pack_bytes(self.data)

    def to_bytes(self) -> bytes:
        return pack_str(self.node_id) + pack_bytes(self.signature) + pack_bytes(self.data)

    @staticmethod
    def from_bytes(data: bytes) -> DataPacket:
        reader = Reader(data)
        node_id, signature, payload = reader.str(), reader.bytes(), reader.bytes()
        if not node_id:
            raise Refusal(406, "Malformed packet")
        return DataPacket(node_id, payload, signature)


def is_news(held: StatePacket | None, new: StatePacket) -> bool:
    """Whether `new` replaces `held`. A non-object raises here, but only when a state is held.

    NaN compares false with everything, so it always passes; a duplicate does not advance the
    held timestamp; an empty state is never a duplicate.
    """
    if held is None:
        return True
    if new.last_update < held.last_update:
        return False
    return not (len(new.state.items()) > 0 and new.json() == held.json())


# --- envelope ---------------------------------------------------------------------------------


def parse_key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != 16:
        raise ValueError("the key must be 16 bytes in hex")
    return key


class Envelope:
    """IV || AES-128-CBC with PKCS7, or nothing at all when there is no key."""

    def __init__(self, key: bytes | None):
        self._key = key

    def seal(self, plaintext: bytes, iv: bytes | None = None) -> bytes:
        if self._key is None:
            return plaintext
        iv = os.urandom(16) if iv is None else iv
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(iv)).encryptor()
        padded = padder.update(plaintext) + padder.finalize()
        return iv + encryptor.update(padded) + encryptor.finalize()

    def open(self, body: bytes) -> bytes:
        """Raises ValueError when the body is not an envelope of this key."""
        if self._key is None:
            return body
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(body[:16])).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        padded = decryptor.update(body[16:]) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()


# --- signatures -------------------------------------------------------------------------------


def prehash(message: bytes) -> bytes:
    """SHA-256 here; python-ecdsa then hashes again with its default, SHA-1."""
    return hashlib.sha256(message).digest()


def public_of(private_key: bytes) -> bytes:
    return SigningKey.from_string(private_key, curve=SECP256k1).verifying_key.to_string()


def sign(private_key: bytes, message: bytes) -> bytes:
    return SigningKey.from_string(private_key, curve=SECP256k1).sign(prehash(message))


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """False for a bad signature; raises for a public key that is no point."""
    key = VerifyingKey.from_string(public_key, curve=SECP256k1)
    try:
        return key.verify(signature, prehash(message))
    except BadSignatureError:
        return False
