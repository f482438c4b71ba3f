import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { Address } from "../../../src/transport/carrier.ts";
import { sealMessage } from "../../../src/transport/framing.ts";
import { createHttpCarrier } from "../../../src/transport/http-carrier.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { exchange, post, type RawExchange } from "../../helpers/raw-http.ts";
import { HTTP_DIFFERENCES } from "../../vectors/http-differences.ts";

interface HttpCase {
  readonly name: string;
  /** Hex, or `null` where only the head was recorded and the body is as long as it says. */
  readonly request: string | null;
  readonly request_head: string | null;
  readonly request_length: number;
  readonly half_close: boolean;
  readonly status: number | null;
  readonly body?: string | null;
  readonly response_plaintext?: string;
}

interface PlainCase {
  readonly name: string;
  readonly path: string;
  readonly plaintext: string;
  readonly status: number;
  readonly body_length: number;
  readonly body_type: string;
}

function load<T>(name: string): T {
  const path = new URL(`../../vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

const vectors = load<{ server: { aes_key: string }; cases: HttpCase[] }>("http");
const seal = createAesCbcSeal(Buffer.from(vectors.server.aes_key, "hex"));
/** The recorded requests whose answer depends on HTTP, seal and frame alone. */
const cases = vectors.cases.filter(({ name }) => !/^(hello|update|peers|data) /.test(name));

/** A server that answers like a node: empty to PING. */
function createServer(withKey: boolean) {
  return createHttpCarrier({ seal: withKey ? seal : createPlainSeal() });
}

const answerEmpty = {
  onRequest: (_: unknown, respond: (outcome: { kind: "answer"; payload: Uint8Array }) => void) =>
    respond({ kind: "answer", payload: new Uint8Array(0) }),
};

function recorded({ request, request_head: head, request_length: length }: HttpCase): Buffer {
  if (request !== null) return Buffer.from(request, "hex");
  const start = Buffer.from(`${head}\r\n\r\n`, "latin1");
  return Buffer.concat([start, Buffer.alloc(Math.max(0, length - start.length))], length);
}

/** How every recorded envelope begins, in hex: a fixed IV. Envelopes of a PING have 32 bytes. */
const IV = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/** True for cases that are about the header, around the envelope of a PING. */
function isAboutHeader({ name, request }: HttpCase): boolean {
  const envelope = new RegExp(`${IV}[0-9a-f]{32}`).test(request ?? "");
  return envelope && !/padding|ping|block/.test(name);
}

/** Puts the PING of the reference in place of each envelope recorded. */
async function withGoodPing(request: Buffer): Promise<Buffer> {
  const envelope = await sealMessage(seal, MessageType.PING, Buffer.of(0x20));
  const iv = Buffer.from(IV, "hex");
  const changed = Buffer.from(request);
  for (let at = changed.indexOf(iv); at >= 0; at = changed.indexOf(iv, at + envelope.length)) {
    changed.set(envelope, at);
  }
  return changed;
}

const usedRows = new Set<(typeof HTTP_DIFFERENCES)[number]>();

/** Requests that the server rightly waits for the rest of. */
const WAITING = new Set(["Content-Length larger than body, client keeps open"]);

describe("HTTP server, requests recorded from the reference", () => {
  const carrier = createServer(true);
  let at: Address;
  beforeAll(async () => {
    at = await carrier.listen({ address: "127.0.0.1", port: 0 }, answerEmpty);
  });
  afterAll(() => carrier.close());

  /** All answers: a second one would follow within the time that a refusal is held back. */
  async function send(request: Buffer, { name, half_close: halfClose }: HttpCase) {
    const expected = name.startsWith("pipelined") ? 2 : 1;
    return exchange(at, request, {
      halfClose,
      timeoutMs: WAITING.has(name) ? 300 : 5000,
      enough: (all) => all.length >= expected,
    });
  }

  function check(
    { name, status, body, response_plaintext: plaintext }: HttpCase,
    kind: (typeof HTTP_DIFFERENCES)[number]["body"],
    { responses }: RawExchange,
  ): void {
    const row = HTTP_DIFFERENCES.find((row) => row.name === name && row.body === kind);
    const statuses = responses.map((response) => response.status);
    const python = status === null ? [] : [status];
    if (row !== undefined) {
      usedRows.add(row);
      expect(statuses, row.why).toEqual(row.ours);
      expect(statuses, "the row says what the reference does").not.toEqual(python);
      return;
    }
    expect(statuses).toEqual(python);
    if (body && status !== 501) expect(responses[0]?.body.toString()).toBe(body);
    if (plaintext !== undefined) {
      const opened = seal.open(responses[0]?.body ?? Buffer.alloc(0));
      expect(Buffer.from((opened as Uint8Array | undefined) ?? []).toString("hex")).toBe(plaintext);
    }
  }

  for (const vector of cases) {
    it(`answers "${vector.name}"`, async () => {
      check(vector, "as recorded", await send(recorded(vector), vector));
    });
  }

  for (const vector of cases.filter(isAboutHeader)) {
    it(`answers "${vector.name}", with a good PING in it`, async () => {
      check(vector, "a good PING", await send(await withGoodPing(recorded(vector)), vector));
    });
  }

  it("has no stale rows of differences", () => {
    expect(HTTP_DIFFERENCES.filter((row) => !usedRows.has(row))).toEqual([]);
  });

  it("opens the reference's answers, and refuses nothing that it sends", async () => {
    const responses = load<{ plaintext: string; envelope: string }[]>("responses");
    for (const { plaintext, envelope } of responses) {
      const opened = await seal.open(Buffer.from(envelope, "hex"));
      expect(Buffer.from(opened ?? []).toString("hex")).toBe(plaintext);
    }
  });

  it("refuses before any handler what the whitelist server of the reference answers alike", async () => {
    const whitelist = load<{ name: string; path: string; plaintext: string }[]>("http_whitelist");
    const ping = whitelist.find(({ name }) => name === "ping needs no whitelist");
    const sealed = await seal.seal(Buffer.from(ping?.plaintext ?? "", "hex"));
    // It answers 200 to an empty PING; we answer no PING but the one it sends.
    const { responses } = await exchange(at, post("/ping", sealed));
    expect(responses[0]?.status).toBe(401);
  });

  it("sends the headers of the reference, and keeps the connection", async () => {
    const ping = await sealMessage(seal, MessageType.PING, Buffer.of(0x20));
    const ok = (await exchange(at, post("/ping", ping))).responses[0];
    expect(Object.keys(ok?.headers ?? {}).sort()).toEqual([
      "connection",
      "content-length",
      "content-type",
      "date",
      "keep-alive",
      "server",
    ]);
    expect(ok?.headers["content-type"]).toBe("application/octet-stream");
    expect(ok?.headers["connection"]).toBe("keep-alive");
    expect(ok?.headers["keep-alive"]).toBe("timeout=75");
    const refused = (await exchange(at, post("/ping"))).responses[0];
    expect(refused?.headers["content-type"]).toBe("application/octet-stream");
    const unknown = (await exchange(at, post("/nope"))).responses[0];
    expect(unknown?.headers["content-length"]).toBe("0");
    expect(unknown?.headers["content-type"]).toBeUndefined();
  });

  it("closes after each answer for those who ask so, and for HTTP/1.0", async () => {
    const ping = Buffer.from(await sealMessage(seal, MessageType.PING, Buffer.of(0x20)));
    const closing = await exchange(at, post("/ping", ping, "Connection: close\r\n"), {
      enough: () => false,
    });
    expect(closing).toMatchObject({ closed: true, responses: [{ status: 200 }] });
    const head = `POST /ping HTTP/1.0\r\nContent-Length: ${ping.length}\r\n`;
    const old = await exchange(at, Buffer.concat([Buffer.from(`${head}\r\n`), ping]), {
      enough: () => false,
    });
    expect(old).toMatchObject({ closed: true, responses: [{ status: 200 }] });
    const kept = Buffer.concat([Buffer.from(`${head}Connection: keep-alive\r\n\r\n`), ping]);
    const two = await exchange(at, Buffer.concat([kept, kept]), {
      enough: (all) => all[1] != null,
    });
    expect(two.responses.map(({ status }) => status)).toEqual([200, 200]);
  });

  for (const path of ["//ping", "/ping/", "/PING", "/%70ing", "http://127.0.0.1/ping", "/", "*"]) {
    it(`answers 404, empty, to ${path}`, async () => {
      const { responses } = await exchange(at, post(path, Buffer.alloc(32)));
      expect(responses[0]).toMatchObject({ status: 404, body: Buffer.alloc(0) });
    });
  }
});

describe("HTTP server without a network key, requests recorded from the reference", () => {
  const carrier = createServer(false);
  let at: Address;
  beforeAll(async () => {
    at = await carrier.listen({ address: "127.0.0.1", port: 0 }, answerEmpty);
  });
  afterAll(() => carrier.close());

  for (const vector of load<PlainCase[]>("http_plain").filter(({ path }) => path === "/ping")) {
    it(`answers "${vector.name}"`, async () => {
      const body = Buffer.from(vector.plaintext, "hex");
      const response = (await exchange(at, post(vector.path, body))).responses[0];
      expect(response?.status).toBe(vector.status);
      expect(response?.body.length).toBe(vector.body_length);
      expect(response?.body.toString("hex")).toBe(vector.body_type);
    });
  }
});
