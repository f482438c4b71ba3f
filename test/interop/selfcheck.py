"""Checks wire.py against the vectors that the reference wrote. Prints a count per file; exits
with 1 on any difference.

Usage: selfcheck.py [folder of vectors]
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, Callable

import wire

counts: dict[str, int] = {}
failures: list[str] = []


def check(file: str, name: str, expected: Any, actual: Any) -> None:
    counts[file] = counts.get(file, 0) + 1
    if expected != actual:
        shown = f"expected {str(expected)[:200]!r}, got {str(actual)[:200]!r}"
        failures.append(f"{file}: {name}: {shown}")


def error_of(action: Callable[[], Any]) -> str | None:
    try:
        action()
        return None
    except Exception as error:
        return type(error).__name__


def aes(vectors: Any) -> None:
    key, iv = bytes.fromhex(vectors["key"]), bytes.fromhex(vectors["iv"])
    envelope = wire.Envelope(key)
    for case in vectors["encrypt"]:
        plaintext, sealed = bytes.fromhex(case["plaintext"]), bytes.fromhex(case["envelope"])
        check("aes", "seal", sealed, envelope.seal(plaintext, iv))
        check("aes", "open", plaintext, envelope.open(sealed))
        check("aes", "random IV", plaintext, envelope.open(envelope.seal(plaintext)))
    for case in vectors["decrypt_error"]:
        sealed = bytes.fromhex(case["envelope"])
        check("aes", case["name"], "ValueError", error_of(lambda: envelope.open(sealed)))
    for case in vectors["key_strings"]:
        error = error_of(lambda: wire.parse_key(case["text"]))
        check("aes", case["text"], None if case["valid"] else "ValueError", error)


def keys(vectors: Any) -> None:
    for case in vectors:
        private, public = bytes.fromhex(case["private"]), bytes.fromhex(case["public_raw64"])
        check("keys", case["name"], public, wire.public_of(private))
        message = case["name"].encode()
        signature = wire.sign(private, message)
        check("keys", "length", 64, len(signature))
        for form in ("raw64", "compressed33", "uncompressed65", "hybrid65"):
            encoded = bytes.fromhex(case[f"public_{form}"])
            check("keys", form, True, wire.verify(encoded, message, signature))
        check("keys", "other message", False, wire.verify(public, message + b"!", signature))


def signatures(vectors: Any) -> None:
    for case in vectors:
        repeat = case["message_repeat"]
        message = bytes.fromhex(repeat[0]) * repeat[1] if repeat else bytes.fromhex(case["message"])
        digest = hashlib.sha1(wire.prehash(message)).hexdigest()
        check("signatures", f"digest of {case['name']}", case["digest"], digest)
        public, signature = bytes.fromhex(case["public"]), bytes.fromhex(case["signature"])
        try:
            result: Any = wire.verify(public, message, signature)
        except Exception as error:
            result = f"raises {type(error).__name__}"
        check("signatures", case["name"], case["reference_verify"], result)


def packet_of(kind: str, fields: Any, signature: bytes) -> Any:
    if kind == "HELLO":
        return wire.HelloPacket(
            fields["version"],
            fields["node_id"],
            fields["address"],
            fields["port"],
            bytes.fromhex(fields["public_key"]),
            signature,
            fields["detected_address"],
        )
    if kind == "PEERS":
        entries = {i: wire.Endpoint(a, p) for i, a, p in fields["connections"]}
        return wire.PeersPacket(fields["node_id"], signature, entries)
    if kind == "UPDATE":
        stamp = struct.unpack(">d", bytes.fromhex(fields["last_update_bytes"]))[0]
        return wire.StatePacket(fields["node_id"], stamp, dict(fields["state_pairs"]), signature)
    return wire.DataPacket(fields["node_id"], bytes.fromhex(fields["data"]), signature)


PACKETS: dict[str, Any] = {
    "HELLO": wire.HelloPacket,
    "PEERS": wire.PeersPacket,
    "UPDATE": wire.StatePacket,
    "DATA": wire.DataPacket,
}


def packets(vectors: Any, public_of: dict[str, bytes], envelope: wire.Envelope) -> None:
    for case in vectors:
        name, body = case["name"], bytes.fromhex(case["body"])
        plaintext = bytes([case["message_type"]]) + body
        check("packets", f"plaintext of {name}", case["plaintext"], plaintext.hex())
        sealed = bytes.fromhex(case["envelope"])
        check("packets", f"envelope of {name}", sealed, envelope.seal(plaintext, sealed[:16]))
        if case["kind"] == "PING":
            continue
        signature = bytes.fromhex(case["signature"])
        packet = packet_of(case["kind"], case["fields"], signature)
        check("packets", f"signed part of {name}", case["signed_message"], packet.signed().hex())
        check("packets", f"body of {name}", body, packet.to_bytes())
        parsed = PACKETS[case["kind"]].from_bytes(body)
        check("packets", f"parse of {name}", packet, parsed)
        verified = wire.verify(public_of[case["signer"]], parsed.signed(), parsed.signature)
        check("packets", f"signature of {name}", True, verified)


def plain(packet: Any) -> dict[str, Any]:
    """A parsed packet in the form that parse.json uses."""
    shown = {k: v.hex() if isinstance(v, bytes) else v for k, v in vars(packet).items()}
    if isinstance(packet, wire.PeersPacket):
        shown["connections"] = [[i, e.address, e.port] for i, e in packet.connections.items()]
    if isinstance(packet, wire.StatePacket):
        shown["last_update_bytes"] = struct.pack(">d", packet.last_update).hex()
        shown["state_json"] = packet.json()
    return shown


def parse(vectors: Any) -> None:
    for case in vectors:
        name, result = f"{case['kind']} {case['name']}", case["result"]
        try:
            actual = plain(PACKETS[case["kind"]].from_bytes(bytes.fromhex(case["body"])))
        except wire.Refusal as refusal:
            check("parse", name, result.get("status"), refusal.args[0])
        except Exception as error:
            check("parse", name, result.get("error"), type(error).__name__)
        else:
            check("parse", name, result, {key: actual.get(key) for key in result})


def endpoints(written: Any, parsed: Any) -> None:
    for case in written:
        data = wire.Endpoint(case["address"], case["port"]).to_bytes()
        check("endpoints", str(case["address"]), case["bytes"], data.hex())
        expected = wire.Endpoint(case["parsed_address"], case["parsed_port"])
        check("endpoints", str(case["address"]), expected, wire.Endpoint.from_bytes(data))
    for case in parsed:
        result = case["result"]
        expected = wire.Endpoint(result["address"], result["port"])
        actual = wire.Endpoint.from_bytes(bytes.fromhex(case["bytes"]))
        check("endpoint_parse", case["bytes"], expected, actual)


def json_text(canonical: Any, reserialise: Any) -> None:
    for case in canonical:
        repeat = case["repeat"]
        pairs = case["pairs"] or []
        if repeat:
            pairs = [(repeat["key"], repeat["value_unit"] * repeat["value_count"])]
        text = wire.StatePacket("n", 0.0, dict(pairs)).json()
        digest = hashlib.sha256(text.encode("ascii")).hexdigest()
        check("json_canonical", case["name"], case["canonical_length"], len(text))
        check("json_canonical", case["name"], case["sha256"], digest)
        if case["canonical"] is not None:
            check("json_canonical", case["name"], case["canonical"], text)
    for case in reserialise:
        text = case["text"]
        if text is None:
            head, unit, count, tail = case["text_parts"]
            text = head + unit * count + tail
        try:
            body = wire.StatePacket("n", 0.0, None, text=text).to_bytes()
            result: Any = ("canonical", wire.StatePacket.from_bytes(body).json())
        except Exception as error:
            result = ("error", type(error).__name__)
        key = "error" if "error" in case else "canonical"
        check("json_reserialise", text[:40], (key, case[key]), result)


def update_rules(vectors: Any) -> None:
    for case in vectors:
        held = wire.StatePacket("peer1", 0.0, {})
        for number, step in enumerate(case["steps"]):
            stamp = struct.unpack(">d", bytes.fromhex(step["last_update_bytes"]))[0]
            new = wire.StatePacket("peer1", stamp, json.loads(step["state_json"]))
            accepted = wire.is_news(held, new)
            held = new if accepted else held
            stored = (held.json(), struct.pack(">d", held.last_update).hex())
            name = f"{case['name']}, step {number}"
            check("update_rules", name, step["accepted"], accepted)
            expected = (step["stored_json"], step["stored_last_update_bytes"])
            check("update_rules", name, expected, stored)


def doubles(vectors: Any) -> None:
    for case in vectors:
        reader = wire.Reader(bytes.fromhex(case["bytes"]))
        written = struct.pack(">d", reader.double()).hex()
        check("doubles", case["value"], case["bytes"], written)


def main() -> int:
    default = Path(__file__).resolve().parent.parent / "vectors"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default

    def load(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text("utf-8"))

    known = {case["name"]: bytes.fromhex(case["public_raw64"]) for case in load("keys")}
    envelope = wire.Envelope(bytes.fromhex(load("aes")["key"]))
    aes(load("aes"))
    keys(load("keys"))
    signatures(load("signatures"))
    packets(load("packets"), known, envelope)
    parse(load("parse"))
    endpoints(load("endpoints"), load("endpoint_parse"))
    json_text(load("json_canonical"), load("json_reserialise"))
    update_rules(load("update_rules"))
    doubles(load("doubles"))

    for failure in failures:
        print(f"FAILED {failure}")
    for file, count in counts.items():
        print(f"{file}: {count} checks")
    print(f"total: {sum(counts.values())} checks, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
