/** Every row of what a peer's answer means. */
import { describe, expect, it } from "vitest";
import { printable, troubleOf } from "../../../src/protocol/troubles.ts";
import type { FailureReason, Reply } from "../../../src/wire/exchange.ts";

type Failure = Exclude<Reply, { kind: "answer" }>;

const WRONG_KEY = "Missing or incorrect encryption key";
const to = { address: "10.0.0.5", port: 8_000 };

function trouble(reply: Failure, keyId: string | undefined, nodeId?: string) {
  return troubleOf(reply, { what: "join", to, nodeId, me: "worker-7", keyId });
}

const refused = (status: number, text = ""): Failure => ({ kind: "refused", status, text });
const failed = (reason: FailureReason): Failure => ({ kind: "failed", reason, detail: "evidence" });

describe("troubleOf()", () => {
  it.each([
    [503, "Leaving", "n1 is stopping", "try again a moment later"],
    [503, "", "n1 has too much to do at present", "try again a moment later"],
    [500, "", "n1 refused", "NODE_DEBUG=dsn"],
  ])("%i %j says what can be done: %s", (status, text, says, fix) => {
    const error = trouble(refused(status, text), undefined, "n1");
    expect(error.code).toBe("DSN_REFUSED");
    expect(error.message).toContain(says);
    expect(error.fix).toEqual([expect.stringContaining(fix)]);
  });

  it.each([
    ["keys differ", refused(401, WRONG_KEY), "3f9a", "DSN_KEY_REFUSED"],
    ["they use a key and we do not", refused(401, WRONG_KEY), undefined, "DSN_KEY_REFUSED"],
    ["we use a key and they do not", refused(400), "3f9a", "DSN_KEY_UNEXPECTED"],
    ["400 without a key says nothing of keys", refused(400), undefined, "DSN_REFUSED"],
    [
      "another version",
      refused(505, 'Network version mismatch "1" (a) != "2" (b)'),
      "3f9a",
      "DSN_VERSION_MISMATCH",
    ],
    [
      "not whitelisted",
      refused(401, "worker-7 not in n1's whitelist"),
      "3f9a",
      "DSN_NOT_WHITELISTED",
    ],
    [
      "another key under our name",
      refused(401, "Cannot verify ECDSA key for worker-7"),
      "3f9a",
      "DSN_IDENTITY_REFUSED",
    ],
    [
      "their pin is not our key, UPDATE",
      refused(401, "Could not verify ECDSA signature"),
      undefined,
      "DSN_IDENTITY_REFUSED",
    ],
    [
      "their pin is not our key, PEERS",
      refused(406, "Could not verify ECDSA signature of packet"),
      undefined,
      "DSN_IDENTITY_REFUSED",
    ],
    [
      "they dropped us",
      refused(401, "Could not find worker-7 in address book"),
      undefined,
      "DSN_ONE_WAY",
    ],
    [
      "we called ourselves",
      refused(406, "Origin and destination are the same"),
      "3f9a",
      "DSN_SELF",
    ],
    ["not found", refused(404), "3f9a", "DSN_NOT_DSN"],
    ["another service", refused(501, "<html>"), "3f9a", "DSN_NOT_DSN"],
    ["a web page", refused(403, "<!DOCTYPE html><title>Forbidden"), "3f9a", "DSN_NOT_DSN"],
    ["not ready yet", refused(500), "3f9a", "DSN_REFUSED"],
    ["a status of its own", refused(418, "teapot"), "3f9a", "DSN_REFUSED"],
    ["nothing listens", failed("unreachable"), "3f9a", "DSN_UNREACHABLE"],
    ["silence", failed("no-answer"), "3f9a", "DSN_UNREACHABLE"],
    ["an answer that does not open", failed("not-dsn"), "3f9a", "DSN_NOT_DSN"],
    ["an answer that is none", failed("not-dsn"), undefined, "DSN_NOT_DSN"],
    ["an endless answer", failed("too-large"), "3f9a", "DSN_PEER_LIMIT"],
    ["we are stopping", failed("closed"), "3f9a", "DSN_STOPPED"],
  ])("%s", (_row, reply, keyId, code) => {
    const error = trouble(reply, keyId);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^Cannot join: /);
    expect(error.why).not.toBe("");
    expect(error.endpoint).toBe("10.0.0.5:8000");
    if (code !== "DSN_STOPPED") expect(error.fix.length).toBeGreaterThan(0);
  });

  it("names our key id, our own name and the peer where they matter", () => {
    expect(trouble(refused(401, WRONG_KEY), "3f9a").why).toContain("3f9a");
    expect(trouble(refused(401, "x not in y's whitelist"), "k").message).toContain("worker-7");
    expect(trouble(refused(505), "k", "node-1").message).toContain("node-1");
  });

  it("shows what a peer says in one printable line", () => {
    const { why, message } = trouble(refused(418, "\u001b[31mred\nline\u202e"), undefined, "a\nb");
    expect(`${why}${message}`).not.toMatch(/[\p{C}]/u);
    expect(why).toContain("\\u{1b}[31mred\\u{a}line\\u{202e}");
  });
});

describe("printable()", () => {
  it("leaves people's scripts as they are, and cuts what is long", () => {
    expect(printable("größe 東京")).toBe("größe 東京");
    expect(printable("x".repeat(500)).length).toBeLessThan(210);
  });
});
