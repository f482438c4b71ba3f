"""A node that behaves as the reference does, quirks and holes included: rules of each message,
keys pinned on disk, bootstrap, tick, gossip. See `Lies` for what a test may make it do instead.

One hole is narrowed: node ids become paths, as they do there, but a path outside the parent of
the credential folder is refused with errno 13, so that a test network cannot write anywhere.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable

import wire
from carrier import Manners, Server, post
from wire import DATA, HELLO, PEERS, PING, UPDATE, Endpoint, Refusal, StatePacket

TRIES = 3
PAUSE_SECONDS = 0.5


@dataclass
class Config:
    node_id: str
    credential_dir: str
    port: int = 0
    key: str | None = None
    bootstrap: list[Endpoint] = field(default_factory=list)
    whitelist: list[str] = field(default_factory=list)
    tick_seconds: float = 3
    version: str = "0.9.0"
    network_ip: str | None = None
    host: str = "0.0.0.0"
    source: str | None = None
    key_seed: bytes | None = None


@dataclass
class Lies:
    """What it says that the reference would not."""

    peers: list[tuple[str, Endpoint]] = field(default_factory=list)
    update: StatePacket | None = None
    hello: dict[str, Any] | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)  # path -> HTTP body, as recorded


class Credentials:
    """`<folder>/<own id>/<id>.pub` for each node met, and an empty `<folder>/<id>/` beside it."""

    def __init__(self, folder: str, own_id: str, seed: bytes | None):
        self._folder = folder
        self._own = f"{folder}/{own_id}"
        for path in (folder, self._own):
            if not os.path.exists(path):
                os.mkdir(path)
        key_file = f"{self._own}/{own_id}.key"
        if seed is not None or not os.path.exists(key_file):
            private = seed or os.urandom(32)
            _write(key_file, private)
            _write(f"{self._own}/{own_id}.pub", wire.public_of(private))
        self.private_key = _read(key_file)
        self.public_key = wire.public_of(self.private_key)

    def pin(self, node_id: str, public_key: bytes) -> None:
        """First key seen wins for ever; not checked to be a key."""
        folder, file = f"{self._folder}/{node_id}", f"{self._own}/{node_id}.pub"
        parent = os.path.dirname(os.path.realpath(self._folder))
        for path in (folder, file):
            if os.path.commonpath([parent, os.path.realpath(path)]) != parent:
                raise PermissionError(13, "Permission denied")
        if not os.path.exists(folder):
            os.mkdir(folder)
        if not os.path.exists(file):
            _write(file, public_key)
        elif _read(file) != public_key:
            raise Refusal(401, f"Cannot verify ECDSA key for {node_id}")

    def key_of(self, node_id: str) -> bytes:
        return _read(f"{self._own}/{node_id}.pub")


class Node:
    def __init__(self, config: Config, emit: Callable[[dict[str, Any]], None]):
        self.config = config
        self.id = config.node_id
        self.manners = Manners()
        self.lies = Lies()
        self.clock_offset = 0.0
        self.tape: list[dict[str, Any]] = []
        self.running = False
        self._emit = emit
        self._tape_lock = threading.Lock()
        self._server: Server | None = None
        self._stopped = threading.Event()
        self.envelope = wire.Envelope(None if config.key is None else wire.parse_key(config.key))
        self.credentials = Credentials(config.credential_dir, self.id, config.key_seed)
        self.states: dict[str, StatePacket] = {}
        self.book: dict[str, Endpoint] = {}
        self.listen()  # before the own entry, which carries the port really bound
        self.book[self.id] = Endpoint(config.network_ip, self.port)
        self.states[self.id] = self.signed(StatePacket(self.id, self.now(), {}))
        self.running = True

    # --- life cycle ---------------------------------------------------------------------------

    def listen(self) -> None:
        if self._server is not None:
            return
        address = (self.config.host, self.config.port)
        self._server = Server(address, self.manners, self.respond, self._on_request)
        self.port = self.config.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def unlisten(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def start(self) -> None:
        """Starts the tick, then bootstraps in the calling thread. Never tries again."""
        threading.Thread(target=self._tick_forever, daemon=True).start()
        causes: list[str] = []
        for endpoint in self.config.bootstrap:
            try:
                node_id = self.send_hello(endpoint)
                self.send_update(node_id, ingest=True)
                self.learn_peers(node_id)
            except Exception as error:
                causes.append(f"{endpoint.address}:{endpoint.port}: {error!r}")
                continue
            self._emit({"event": "joined", "through": f"{endpoint.address}:{endpoint.port}"})
            return
        if self.config.bootstrap:
            self.alert(f"Could not connect to any bootstrap node ({'; '.join(causes)})")
        else:
            self._emit({"event": "joined", "through": None})

    def stop(self) -> None:
        """Says nothing to the peers. A write afterwards is still sent, as the reference does."""
        self.running = False
        self._stopped.set()
        self.unlisten()

    def now(self) -> float:
        return time.time() + self.clock_offset

    def alert(self, text: str) -> None:
        self._emit({"event": "alert", "text": text})

    def _tick_forever(self) -> None:
        while not self._stopped.wait(self.config.tick_seconds):
            self.tick()

    def tick(self) -> None:
        """Pings every id with a state, one after the other, then gossips with one."""
        for node_id in list(self.states):
            if node_id == self.id:
                continue
            try:
                self.ping(node_id)
            except Exception:
                self.states.pop(node_id, None)
                self.book.pop(node_id, None)
                self._emit({"event": "disconnect", "node": node_id})
        try:
            self.gossip()
        except Exception:
            pass

    def gossip(self, node_id: str | None = None) -> str | None:
        others = [other for other in list(self.book) if other != self.id]
        if node_id is None and not others:
            return None
        chosen = node_id or random.choice(others)
        self.send_update(chosen, ingest=True)
        self.learn_peers(chosen)
        return chosen

    # --- asking -------------------------------------------------------------------------------

    def request(self, endpoint: Endpoint, kind: int, payload: bytes) -> bytes:
        """Tries again after errors of transport only, never after an answer."""
        body = self.envelope.seal(bytes([kind]) + payload)
        for left in reversed(range(TRIES)):
            try:
                status, answer = self.exchange(endpoint, wire.PATH_OF_TYPE[kind], body)
                break
            except Exception:
                if left == 0:
                    raise
                time.sleep(PAUSE_SECONDS)
        if status not in (200, 204):
            raise Refusal(status, answer.decode("utf-8", "replace"))
        plaintext = self.envelope.open(answer)
        if not plaintext:
            raise ValueError("empty answer")
        if plaintext[0] != kind:
            raise ValueError(f"answer of type {plaintext[0]} to a message of type {kind}")
        return plaintext[1:]

    def exchange(
        self, endpoint: Endpoint, path: str, body: bytes, source: str | None = None
    ) -> tuple[int, bytes]:
        """One attempt, on the tape."""
        timeout = max(2.0, len(body) / 1048576)
        peer = f"{endpoint.address}:{endpoint.port}"
        self._record("out", "request", path, peer, None, body)
        source = source or self.config.source
        status, answer = post(endpoint.address, endpoint.port, path, body, timeout, source)
        self._record("in", "answer", path, peer, status, answer)
        return status, answer

    def ask(self, node_id: str, kind: int, payload: bytes) -> bytes:
        self._check_whitelist(node_id)
        return self.request(self.book[node_id], kind, payload)

    def ping(self, node_id: str) -> None:
        self.ask(node_id, PING, b" ")

    def send_hello(self, endpoint: Endpoint) -> str:
        """Returns the id that answered. Its signature is not looked at."""
        answer = self.request(endpoint, HELLO, self.hello_packet().to_bytes())
        packet = wire.HelloPacket.from_bytes(answer)
        self._check_whitelist(packet.node_id)
        self._check_version(packet)
        self.credentials.pin(packet.node_id, packet.public_key)
        if packet.detected_address:
            self.book[self.id] = Endpoint(packet.detected_address, self.port)
        self._meet(packet.node_id, Endpoint(endpoint.address, endpoint.port))
        return packet.node_id

    def send_update(self, node_id: str, ingest: bool) -> None:
        answer = self.ask(node_id, UPDATE, self.states[self.id].to_bytes())
        if ingest and answer:
            self.ingest(answer)

    def learn_peers(self, node_id: str) -> None:
        asked = self.signed(wire.PeersPacket(self.id))
        packet = wire.PeersPacket.from_bytes(self.ask(node_id, PEERS, asked.to_bytes()))
        if not wire.verify(self.credentials.key_of(node_id), packet.signed(), packet.signature):
            raise Refusal(406, "Could not verify ECDSA signature of packet")
        for other, endpoint in packet.connections.items():
            if other == self.id or other in self.states:
                continue
            try:
                self._check_whitelist(other)
                self.send_hello(endpoint)
                self.book[other] = endpoint  # stays even if another id answered there
                self.send_update(other, ingest=True)
            except Exception:
                continue

    def send_data(self, node_id: str, data: bytes) -> str:
        packet = self.signed(wire.DataPacket(self.id, data))
        answer = self.ask(node_id, DATA, packet.to_bytes())
        try:
            return answer.decode("utf-8")
        except UnicodeDecodeError:
            return ""

    def change(self, state: dict[str, Any]) -> None:
        """Holds and signs a new own state; `broadcast` then sends it."""
        self.states[self.id] = self.signed(StatePacket(self.id, self.now(), state))

    def broadcast(self) -> None:
        """The full state to every id with a state, one after the other; errors are swallowed."""
        for node_id in list(self.states):
            if node_id == self.id:
                continue
            try:
                self.send_update(node_id, ingest=False)
            except Exception:
                continue

    # --- answering ----------------------------------------------------------------------------

    def respond(self, path: str, body: bytes, source: str) -> tuple[int, bytes]:
        self._record("in", "request", path, source, None, body)
        status, answer = self._status_and_body(path, body, source)
        self._record("out", "answer", path, source, status, answer)
        return status, answer

    def _status_and_body(self, path: str, body: bytes, source: str) -> tuple[int, bytes]:
        if not self.running:
            return 500, b""
        if path in self.lies.bodies:
            return 200, self.lies.bodies[path]
        kind = wire.TYPE_OF_PATH[path]
        try:
            plaintext = self.envelope.open(body)
        except Exception:
            return 401, b"Missing or incorrect encryption key"
        if not plaintext or plaintext[0] != kind:
            return 400, b""
        try:
            answer = self._handlers[kind](self, plaintext[1:], source)
        except Exception as error:
            # Anything raised as (int, str) becomes an answer: errno of the disk leaks out too.
            match error.args:
                case (int() as status, str() as text):
                    return status, text.encode("utf-8")
            return 500, b""
        return 200, self.envelope.seal(bytes([kind]) + answer)

    def _handle_hello(self, body: bytes, source: str) -> bytes:
        packet = wire.HelloPacket.from_bytes(body)
        self._check_whitelist(packet.node_id)
        try:
            self._check_version(packet)
        except Refusal as refusal:
            self.alert(refusal.args[1])
            raise
        self.credentials.pin(packet.node_id, packet.public_key)
        self._meet(packet.node_id, Endpoint(source, packet.port))
        answer = self.hello_packet(**(self.lies.hello or {}))
        answer.detected_address = answer.detected_address or source
        return answer.to_bytes()

    def _handle_peers(self, body: bytes, source: str) -> bytes:
        packet = wire.PeersPacket.from_bytes(body)
        self._check_whitelist(packet.node_id)
        self._check_known(packet.node_id)
        if not self._is_signed_by(packet.node_id, packet):
            raise Refusal(406, "Could not verify ECDSA signature of packet")
        entries = {i: e for i, e in list(self.book.items()) if i != self.id}
        entries.update(self.lies.peers)
        return self.signed(wire.PeersPacket(self.id, b"", entries)).to_bytes()

    def _handle_update(self, body: bytes, source: str) -> bytes:
        accepted = self.ingest(body)
        if self.lies.update is not None:
            return self.lies.update.to_bytes()
        return self.states[self.id].to_bytes() if accepted else b""

    def _handle_ping(self, body: bytes, source: str) -> bytes:
        return b""

    def _handle_data(self, body: bytes, source: str) -> bytes:
        packet = wire.DataPacket.from_bytes(body)
        self._check_whitelist(packet.node_id)
        self._check_known(packet.node_id)
        if not self._is_signed_by(packet.node_id, packet):
            raise Refusal(401, "Could not verify ECDSA signature of data packet")
        self._emit({"event": "data", "from": packet.node_id, "hex": packet.data.hex()})
        return b"OK"

    _handlers = {
        HELLO: _handle_hello,
        PEERS: _handle_peers,
        UPDATE: _handle_update,
        PING: _handle_ping,
        DATA: _handle_data,
    }

    def ingest(self, body: bytes) -> bool:
        """Takes a state, pushed or answered. An id outside the address book needs no signature."""
        packet = StatePacket.from_bytes(body)
        self._check_whitelist(packet.node_id)
        if packet.node_id == self.id:
            raise Refusal(406, "Origin and destination are the same")
        if packet.node_id in self.book and not self._is_signed_by(packet.node_id, packet):
            raise Refusal(401, "Could not verify ECDSA signature")
        if not wire.is_news(self.states.get(packet.node_id), packet):
            return False
        self.states[packet.node_id] = packet
        self._emit({"event": "update", "from": packet.node_id})
        return True

    # --- helpers ------------------------------------------------------------------------------

    def hello_packet(self, **fields: Any) -> wire.HelloPacket:
        """Its own entry speaks for it, even after somebody else has overwritten that."""
        own = self.book[self.id]
        version, public = self.config.version, self.credentials.public_key
        packet = wire.HelloPacket(version, self.id, own.address, own.port, public)
        how = fields.pop("sign", "self")
        for name, value in fields.items():
            setattr(packet, name, value)
        return self.signed(packet, how)

    def signed(self, packet: Any, how: str = "self") -> Any:
        """The same packet, with its signature: own, 64 random bytes, or none."""
        if how == "self":
            packet.signature = wire.sign(self.credentials.private_key, packet.signed())
        else:
            packet.signature = os.urandom(64) if how == "garbage" else b""
        return packet

    def _meet(self, node_id: str, endpoint: Endpoint) -> None:
        self.book[node_id] = endpoint
        self.states.setdefault(node_id, StatePacket(node_id, 0.0, {}))

    def _is_signed_by(self, node_id: str, packet: Any) -> bool:
        """Over the packet written again from what was parsed, not over the bytes that came."""
        return wire.verify(self.credentials.key_of(node_id), packet.signed(), packet.signature)

    def _check_whitelist(self, node_id: str) -> None:
        allowed = self.config.whitelist
        if allowed and node_id != self.id and node_id not in allowed:
            raise Refusal(401, f"{node_id} not in {self.id}'s whitelist")

    def _check_known(self, node_id: str) -> None:
        if node_id not in self.book:
            raise Refusal(401, f"Could not find {node_id} in address book")

    def _check_version(self, packet: wire.HelloPacket) -> None:
        mine, theirs = self.config.version, packet.version
        if mine != theirs:
            text = f'Network version mismatch "{theirs}" ({packet.node_id}) != "{mine}" ({self.id})'
            raise Refusal(505, text)

    def _record(
        self, direction: str, kind: str, path: str, peer: str, status: int | None, body: bytes
    ) -> None:
        with self._tape_lock:
            entry = {"index": len(self.tape), "direction": direction, "kind": kind, "path": path}
            self.tape.append({**entry, "peer": peer, "status": status, "bodyHex": body.hex()})

    def _on_request(self, path: str, source: str, status: int) -> None:
        self._emit({"event": "request", "path": path, "from": source, "status": status})


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        # The file is empty for as long as a slow disk takes: whoever reads it meanwhile finds a
        # key that is not the peer's, and refuses it. Two HELLOs that cross do so.
        time.sleep(0.02)
        file.write(data)
