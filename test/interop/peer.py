#!/usr/bin/python3
"""A node of protocol 0.9.0 for tests, driven over stdin and stdout.

Each line in is a command, `{"id": 1, "do": "peers"}`; each line out is an answer,
`{"id": 1, "result": ...}` or `{"id": 1, "error": "..."}`, or an event, `{"event": "update", ...}`.
The first line out is `{"event": "listening", "port": N, "publicKey": hex}`. Then comes
`joined` or `alert`. It exits when stdin closes. `python-peer.ts` is the typed driver.

Commands run side by side, so that a slow one can be watched; an own write takes effect in the
order of its arrival. Texts of JSON (`stateJson`, `valueJson`) go on the wire as Python writes or as
given, so that a test can say 1.0, NaN or a number beyond a double.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import struct
import sys
import tempfile
import threading
from typing import Any, Callable

sys.dont_write_bytecode = True

import wire  # noqa: E402
from node import Config, Node  # noqa: E402
from wire import Endpoint, StatePacket  # noqa: E402

Arguments = dict[str, Any]


def endpoint_of(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    return Endpoint(address, int(port))


def double_of(arguments: Arguments) -> float:
    """A version: a number, or 8 bytes in hex for what JSON cannot say (infinities, NaN)."""
    if "versionHex" in arguments:
        return struct.unpack(">d", bytes.fromhex(arguments["versionHex"]))[0]
    return float(arguments["version"])


def value_for_json(value: Any) -> Any:
    """The value where other languages can read it, else nothing (NaN and infinities)."""
    try:
        json.dumps(value, allow_nan=False)
        return value
    except ValueError:
        return None


class Control:
    """The commands, one method each: `do_<name>`. Those in `AT_ONCE` run on the reading thread."""

    AT_ONCE = {"set", "del", "clock", "silent", "drip", "status", "lieInPeers", "answerUpdateWith"}
    AT_ONCE |= {"answerHelloAs", "answerWithTape", "peers", "book", "read", "state", "tape"}

    def __init__(
        self, node: Node, emit: Callable[[dict[str, Any]], None], leave: Callable[[], None]
    ):
        self._node = node
        self._emit = emit
        self._leave = leave

    def run(self, line: str) -> None:
        number = None
        try:
            arguments = json.loads(line)
            number = arguments.get("id")
            action = getattr(self, f"do_{arguments['do']}", None)
            if action is None:
                raise ValueError(f"no command {arguments['do']!r}")
        except Exception as error:
            return self._fail(number, error)
        if arguments["do"] in self.AT_ONCE:
            self._answer(number, action, arguments)
        else:
            work = (number, action, arguments)
            threading.Thread(target=self._answer, args=work, daemon=True).start()

    def _answer(self, number: Any, action: Callable[..., Any], arguments: Arguments) -> None:
        try:
            result = action(arguments)
        except Exception as error:
            return self._fail(number, error)
        if callable(result):  # the rest of a command that began at once
            work = (number, lambda _: result(), arguments)
            threading.Thread(target=self._answer, args=work, daemon=True).start()
        else:
            self._emit({"id": number, "result": result})

    def _fail(self, number: Any, error: Exception) -> None:
        answer: dict[str, Any] = {"id": number, "error": f"{type(error).__name__}: {error}"}
        if isinstance(error, wire.Refusal):
            answer.update(status=error.args[0], text=error.args[1])
        self._emit(answer)

    # --- what the API of the reference offers ----------------------------------------------------

    def do_set(self, a: Arguments) -> Any:
        value = json.loads(a["valueJson"]) if "valueJson" in a else a["value"]
        self._node.change({**self._node.states[self._node.id].state, a["key"]: value})
        return self._node.broadcast

    def do_del(self, a: Arguments) -> Any:
        state = self._node.states[self._node.id].state
        self._node.change({key: value for key, value in state.items() if key != a["key"]})
        return self._node.broadcast

    def do_peers(self, a: Arguments) -> Any:
        return list(self._node.states)

    def do_read(self, a: Arguments) -> Any:
        """Unknown node: KeyError. Missing key: nothing. A list as state: AttributeError."""
        state = self._node.states[a["node"]].state
        if a["key"] not in state.keys():
            return {"found": False, "value": None, "json": None}
        value = state[a["key"]]
        return {"found": True, "value": value_for_json(value), "json": json.dumps(value)}

    def do_state(self, a: Arguments) -> Any:
        packet = self._node.states[a["node"]]
        return {
            "version": value_for_json(packet.last_update),
            "versionHex": struct.pack(">d", packet.last_update).hex(),
            "stateJson": packet.json(),
            "signatureHex": packet.signature.hex(),
        }

    def do_book(self, a: Arguments) -> Any:
        return [[i, e.address, e.port] for i, e in list(self._node.book.items())]

    def do_send(self, a: Arguments) -> Any:
        return self._node.send_data(a["node"], bytes.fromhex(a["dataHex"]))

    def do_ping(self, a: Arguments) -> Any:
        if "node" in a:
            self._node.ping(a["node"])
        else:
            self._node.request(endpoint_of(a["address"]), wire.PING, b" ")

    def do_hello(self, a: Arguments) -> Any:
        return self._node.send_hello(endpoint_of(a["address"]))

    def do_gossip(self, a: Arguments) -> Any:
        return self._node.gossip(a.get("node"))

    def do_tick(self, a: Arguments) -> Any:
        self._node.tick()

    def do_stop(self, a: Arguments) -> Any:
        """As the reference stops. The process stays if `exit` is false: a zombie can still write."""
        self._node.stop()
        if a.get("exit", True):
            self._emit({"id": a.get("id"), "result": None})
            self._leave()

    # --- bad health ----------------------------------------------------------------------------

    def do_silent(self, a: Arguments) -> Any:
        self._node.manners.silent = bool(a["on"])

    def do_deaf(self, a: Arguments) -> Any:
        self._node.unlisten()

    def do_undeaf(self, a: Arguments) -> Any:
        self._node.listen()

    def do_drip(self, a: Arguments) -> Any:
        """Seconds before each byte of a body, and of the head too on request; 0 ends it."""
        self._node.manners.drip_seconds = float(a["seconds"])
        self._node.manners.drip_head = bool(a.get("head")) and a["seconds"] > 0

    def do_status(self, a: Arguments) -> Any:
        """The status of every answer to a PING; null ends it."""
        self._node.manners.ping_status = a["code"]

    def do_clock(self, a: Arguments) -> Any:
        self._node.clock_offset = float(a["offsetSeconds"])

    # --- lies ----------------------------------------------------------------------------------

    def do_raw(self, a: Arguments) -> Any:
        plaintext = bytes.fromhex(a["plaintextHex"])
        body = self._node.envelope.seal(plaintext) if a.get("seal", True) else plaintext
        return self._exchange(a, a["path"], body)

    def do_rawEnvelope(self, a: Arguments) -> Any:
        return self._exchange(a, a["path"], bytes.fromhex(a["bodyHex"]))

    def do_forgeUpdate(self, a: Arguments) -> Any:
        packet = self._forged_state(a, a.get("signWith", "self"))
        body = self._node.envelope.seal(bytes([wire.UPDATE]) + packet.to_bytes())
        return self._exchange(a, "/update", body)

    def do_helloAs(self, a: Arguments) -> Any:
        packet = self._node.hello_packet(**self._hello_fields(a))
        body = self._node.envelope.seal(bytes([wire.HELLO]) + packet.to_bytes())
        return self._exchange(a, "/hello", body)

    def do_replay(self, a: Arguments) -> Any:
        entry = self._node.tape[a["index"]]
        return self._exchange(a, a.get("path", entry["path"]), bytes.fromhex(entry["bodyHex"]))

    def do_tape(self, a: Arguments) -> Any:
        return self._node.tape[a.get("from", 0) :]

    def do_lieInPeers(self, a: Arguments) -> Any:
        self._node.lies.peers = [(i, Endpoint(address, port)) for i, address, port in a["entries"]]

    def do_answerUpdateWith(self, a: Arguments) -> Any:
        """Without an owner it answers honestly again."""
        lie = self._forged_state(a, a.get("signature", "self")) if a.get("owner") else None
        self._node.lies.update = lie

    def do_answerHelloAs(self, a: Arguments) -> Any:
        """Without a nodeId it answers honestly again."""
        self._node.lies.hello = self._hello_fields(a) if a.get("nodeId") else None

    def do_answerWithTape(self, a: Arguments) -> Any:
        """Answers a path with a recorded body, opened by nobody; without an index, honestly."""
        if a.get("index") is None:
            self._node.lies.bodies.pop(a["path"], None)
        else:
            body = bytes.fromhex(self._node.tape[a["index"]]["bodyHex"])
            self._node.lies.bodies[a["path"]] = body

    def _forged_state(self, a: Arguments, how: str) -> StatePacket:
        packet = StatePacket(a["owner"], double_of(a), None, text=a["stateJson"])
        return self._node.signed(packet, how)

    def _hello_fields(self, a: Arguments) -> dict[str, Any]:
        fields: dict[str, Any] = {"node_id": a["nodeId"], "sign": a.get("sign", "self")}
        if "publicKeyHex" in a:
            fields["public_key"] = bytes.fromhex(a["publicKeyHex"])
        names = {"version": "version", "port": "port", "claimedAddress": "address"}
        names["detectedAddress"] = "detected_address"
        return fields | {to: a[name] for name, to in names.items() if name in a}

    def _exchange(self, a: Arguments, path: str, body: bytes) -> dict[str, Any]:
        """One attempt; the answer as it came, and opened where that is possible."""
        target = endpoint_of(a["address"])
        status, answer = self._node.exchange(target, path, body, a.get("source"))
        try:
            opened = self._node.envelope.open(answer).hex() if status == 200 else None
        except Exception:
            opened = None
        return {"status": status, "bodyHex": answer.hex(), "openedHex": opened}


def config_of(arguments: list[str]) -> tuple[Config, bool]:
    parser = argparse.ArgumentParser(description="A node of protocol 0.9.0 for tests")
    add = parser.add_argument
    add("--id", required=True)
    add("--port", type=int, default=0, help="0 picks one, which is then advertised")
    add("--key", default="none", help="hex of 16 bytes, or none")
    add("--bootstrap", action="append", default=[], metavar="HOST:PORT")
    add("--credential-dir", help="a temporary folder if not given")
    add("--whitelist", action="append", default=[], metavar="ID")
    add("--tick", type=float, default=3, metavar="SECONDS")
    add("--version", default="0.9.0")
    add("--network-ip", help="own address in HELLO")
    add("--host", default="0.0.0.0", help="where to listen")
    add("--source", help="address to send from; --host if that is one address")
    add("--key-seed", metavar="HEX", help="the private key, 32 bytes")
    add("--trace", action="store_true", help="an event for each request answered")
    given = parser.parse_args(arguments)
    config = Config(
        node_id=given.id,
        credential_dir=given.credential_dir,
        port=given.port,
        key=None if given.key == "none" else given.key,
        bootstrap=[endpoint_of(text) for text in given.bootstrap],
        whitelist=given.whitelist,
        tick_seconds=given.tick,
        version=given.version,
        network_ip=given.network_ip,
        host=given.host,
        source=given.source or (given.host if given.host != "0.0.0.0" else None),
        key_seed=None if given.key_seed is None else bytes.fromhex(given.key_seed),
    )
    return config, given.trace


def main() -> None:
    config, trace = config_of(sys.argv[1:])
    lock = threading.Lock()
    listening = threading.Event()
    temporary = None if config.credential_dir else tempfile.mkdtemp(prefix="python-peer-")
    config.credential_dir = config.credential_dir or f"{temporary}/credentials"

    def leave() -> None:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        os._exit(0)

    def emit(message: dict[str, Any]) -> None:
        if message.get("event") == "request" and not trace:
            return
        if message.get("event") != "listening":
            listening.wait()  # so that it is the first line, whoever calls while we start
        try:
            with lock:
                print(json.dumps(message), flush=True)
        except OSError:
            leave()

    node = Node(config, emit)
    public = node.credentials.public_key.hex()
    emit({"event": "listening", "port": node.port, "publicKey": public})
    listening.set()
    threading.Thread(target=node.start, daemon=True).start()
    control = Control(node, emit, leave)
    try:
        for line in sys.stdin:
            if line.strip():
                control.run(line)
    except KeyboardInterrupt:
        pass
    leave()


if __name__ == "__main__":
    main()
