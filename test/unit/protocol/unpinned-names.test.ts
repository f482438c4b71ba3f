/** Names that came when there was no room for another pin. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";

const THERE = "10.0.0.66";

describe("A name that there is no room to pin", () => {
  it.each(["python", "native"])("is that of the %s node that has proved itself", (kind) => {
    const pins = new Map<string, Uint8Array>();
    for (let index = 0; index <= LIMITS.pinsMax; index += 1) {
      pins.set(`x${index}`, new Uint8Array(64));
    }
    const core = new LoneCore("me", { pins });
    const alice = new Puppet("alice", "10.0.0.2");
    if (kind === "python") alice.join(core);
    else alice.joinNative(core);
    expect(core.pins.size).toBe(0);
    expect(core.core.member("alice")?.status).toBe("alive");
    const impostor = new Puppet("alice", THERE, "mallory");
    const hello =
      kind === "python" ? impostor.hello() : impostor.nativeHello({ issued: NOW_SECONDS + 9 });
    const refusal = "401 Cannot verify ECDSA key for alice";
    expect(statusOf(core.ask(MessageType.HELLO, hello, THERE))).toBe(refusal);
    expect(core.warnings()).toEqual(["DSN_PEER_IDENTITY_CHANGED"]);
    core.ask(MessageType.UPDATE, impostor.state(NOW_SECONDS + 9, '{"a": "mallory"}'), THERE);
    expect(core.core.member("alice")?.publicKey).toEqual(alice.keyPair.publicKey);
    expect(core.core.entriesOf("alice")?.size).toBe(0);
    const { publicKey } = impostor.keyPair;
    expect(core.core.refusalOf({ nodeId: "alice", publicKey })).toMatchObject({ status: 401 });
    // Unless the operator gives it up.
    core.step({ kind: "forget", nodeId: "alice" });
    expect(statusOf(core.ask(MessageType.HELLO, hello, THERE))).toBe("200");
  });
});
