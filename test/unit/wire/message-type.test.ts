import { describe, expect, it } from "vitest";
import {
  MESSAGE_PATHS,
  MessageType,
  messageName,
  messageTypeOfPath,
  PROTOCOL_VERSION,
} from "../../../src/wire/message-type.ts";
import { loadVectors } from "../../vectors.ts";

describe("message types", () => {
  it("are these numbers, paths and version: they are the wire", () => {
    expect(MessageType).toEqual({ HELLO: 1, PEERS: 2, UPDATE: 3, PING: 4, DATA: 5 });
    expect(Object.values(MESSAGE_PATHS)).toEqual(["/hello", "/peers", "/update", "/ping", "/data"]);
    expect(PROTOCOL_VERSION).toBe("0.9.0");
  });

  it("are those of the reference's packets", () => {
    const packets = loadVectors<{ kind: keyof typeof MessageType; message_type: number }>(
      "packets",
    );
    for (const { kind, message_type } of packets) expect(MessageType[kind]).toBe(message_type);
  });

  it("start the plaintext of each response of the reference", () => {
    const plaintexts = loadVectors<{ name: string; plaintext: string }>("responses").map(
      ({ name, plaintext }) => [name, plaintext],
    );
    const hex = (type: number, text: string) =>
      Buffer.from([type, ...Buffer.from(text)]).toString("hex");
    expect(plaintexts).toEqual([
      ["ping ok", hex(MessageType.PING, "")],
      ["data ok", hex(MessageType.DATA, "OK")],
      ["update stale or duplicate", hex(MessageType.UPDATE, "")],
    ]);
  });

  it("have one exact path each", () => {
    for (const type of Object.values(MessageType)) {
      expect(messageTypeOfPath(MESSAGE_PATHS[type])).toBe(type);
      expect(`/${messageName(type).toLowerCase()}`).toBe(MESSAGE_PATHS[type]);
    }
    for (const path of ["", "/", "hello", "/Hello", "/hello/", "/hello?", "/__proto__"]) {
      expect(messageTypeOfPath(path)).toBeUndefined();
    }
  });
});
