/**
 * A real node answers the requests that were recorded from the Python server.
 *
 * What depends on HTTP, seal and frame alone is tested in `test/unit/transport`; here is what the
 * node itself decides. Where our answer differs on purpose, `test/vectors/differences.ts` says so.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { Seal } from "../../src/crypto/seal.ts";
import type { DSNodeConfigInput } from "../../src/index.ts";
import { decodeHello } from "../../src/wire/hello.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { decodePeers } from "../../src/wire/peers.ts";
import { decodeStatePacket } from "../../src/wire/state-packet.ts";
import { type Observed, TestNetwork } from "../helpers/network.ts";
import { exchange, post } from "../helpers/raw-http.ts";
import { expectAnswer, fromHex, loadVectors, staleDifferences, toHex } from "../vectors.ts";

interface HttpCase {
  readonly name: string;
  readonly request: string | null;
  readonly status: number | null;
  readonly body?: string;
  readonly response_plaintext_type?: string;
  readonly response_plaintext_length?: number;
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

interface WhitelistCase {
  readonly name: string;
  readonly path: string;
  readonly plaintext: string;
  readonly status: number;
  readonly body: string | null;
  readonly response_plaintext_type: string | null;
}

interface HttpFile {
  readonly server: { readonly node_id: string; readonly aes_key: string; readonly private: string };
  readonly cases: readonly HttpCase[];
}

function load<T>(name: string): T {
  const path = new URL(`../vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

const { server: setup, cases } = load<HttpFile>("http");
const plain = loadVectors<PlainCase>("http_plain");
const whitelist = loadVectors<WhitelistCase>("http_whitelist");

/** What the node decides; the rest of `http.json` is about HTTP. */
const DECIDED_BY_THE_NODE = /^(hello|update|peers|data) /;
const ours = cases.filter(({ name }) => DECIDED_BY_THE_NODE.test(name));

/** What a case needs to have happened before: the vectors were taken one after the other. */
const BEFORE: Readonly<Record<string, string>> = {
  "data from a node whose stored key is 5 bytes": "hello 5-byte key is accepted",
  "peers id without address-book entry but with state":
    "update unknown id, garbage signature (accepted)",
};

/** An answer as we compare it: texts as they are, packets by what they are. */
interface Told {
  readonly status: number;
  readonly body: string;
}

/** In place of what both sides fill with their own names, keys and times. */
function kindOf(plaintext: Uint8Array): string {
  const type = plaintext[0] ?? 0;
  const payload = plaintext.subarray(1);
  switch (type) {
    case MessageType.HELLO:
      return `a HELLO of ${decodeHello(payload).hello.nodeId}`;
    case MessageType.PEERS:
      return `the list of ${decodePeers(payload).packet.nodeId}`;
    case MessageType.UPDATE:
      return payload.length === 0
        ? "no state"
        : `the state of ${decodeStatePacket(payload).packet.nodeId}`;
    default:
      return `${type} ${toHex(payload)}`;
  }
}

/** What Python's answer was, of which only type and length were kept. */
function kindOfPython(type: string, length: number | undefined, me: string): string {
  switch (type) {
    case "01":
      return `a HELLO of ${me}`;
    case "02":
      return `the list of ${me}`;
    case "03":
      return length === 1 ? "no state" : `the state of ${me}`;
    case "05":
      return "5 4f4b"; // OK
    default:
      return `${Number.parseInt(type, 16)} `;
  }
}

async function ask(node: Observed, seal: Seal, request: Uint8Array): Promise<Told> {
  const at = { address: "127.0.0.1", port: node.server.port };
  const { responses } = await exchange(at, request, { timeoutMs: 5_000 });
  const [response] = responses;
  if (response === undefined) return { status: 0, body: "" };
  const { status, body } = response;
  if (status !== 200) return { status, body: body.toString() };
  const opened = await seal.open(body);
  return { status, body: opened === undefined ? "does not open" : kindOf(opened) };
}

/** A node with a given private key, laid out on disk as Python lays it out. */
async function startWith(
  net: TestNetwork,
  config: DSNodeConfigInput,
  privateKey?: string,
): Promise<Observed> {
  const credentialDir = net.folder();
  if (privateKey !== undefined) {
    const folder = join(credentialDir, config.nodeId);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${config.nodeId}.key`), fromHex(privateKey));
  }
  return net.ours({ ...config, credentialDir });
}

describe("requests of http.json", () => {
  const net = new TestNetwork();
  const seal = createAesCbcSeal(fromHex(setup.aes_key));
  let node: Observed;

  beforeAll(async () => {
    net.key = setup.aes_key;
    node = await startWith(net, { nodeId: setup.node_id }, setup.private);
  });
  afterAll(() => net.close());

  const plaintextOf = (all: readonly { name: string; plaintext: string }[], name: string) =>
    fromHex(all.find((one) => one.name === name)?.plaintext ?? "");
  const send = async (path: string, plaintext: Uint8Array) =>
    ask(node, seal, post(path, await seal.seal(plaintext)));
  const recorded = (name: string) => fromHex(cases.find((one) => one.name === name)?.request ?? "");

  it.each(ours.map((one) => [one.name, one] as const))("%s", async (name, one) => {
    const hello = await send("/hello", plaintextOf(plain, "hello"));
    expect(hello).toEqual({ status: 200, body: "a HELLO of srv" });
    if (name === "update stale") await send("/update", plaintextOf(whitelist, "update"));
    const before = BEFORE[name];
    if (before !== undefined) await ask(node, seal, recorded(before));

    const told = await ask(node, seal, recorded(name));
    const { status, body, response_plaintext_type: type, response_plaintext_length: length } = one;
    const python =
      type === undefined
        ? { status, body: body ?? "" }
        : { status, body: kindOfPython(type, length, setup.node_id) };
    expectAnswer("http", name, told, python);
  });

  it("all rows of differences are about a request that is tested here", () => {
    const names = ours.map(({ name }) => name);
    expect(staleDifferences("http", names)).toEqual([]);
  });

  it("the node is as it was: nobody joined, nothing was stored, its own address stands", () => {
    expect(node.server.peers()).toEqual(["srv"]);
    expect(node.server.getAll()).toEqual({});
    expect(node.server.addresses().advertised?.port).toBe(node.server.port);
    expect(node.updates).toEqual([]);
    // "data replayed" carries what "data trailing bytes" and others carried: each came once.
    expect(new Set(node.texts()).size).toBe(node.texts().length);
  });
});

describe("requests of http_plain.json", () => {
  const net = new TestNetwork();
  const seal = createPlainSeal();
  let node: Observed;

  beforeAll(async () => {
    net.key = undefined;
    node = await startWith(net, { nodeId: "pl" });
  });
  afterAll(() => net.close());

  it.each(plain.map((one) => [one.name, one] as const))("%s", async (name, one) => {
    const told = await ask(node, seal, post(one.path, fromHex(one.plaintext)));
    const { status, body_type: type, body_length: length } = one;
    const body = type === "" ? "" : kindOfPython(type, length, "pl");
    expectAnswer("http_plain", name, told, { status, body });
  });

  it("all rows of differences are about a request that is tested here", () => {
    const names = plain.map(({ name }) => name);
    expect(staleDifferences("http_plain", names)).toEqual([]);
  });
});

describe("requests of http_whitelist.json", () => {
  const net = new TestNetwork();
  const seal = createAesCbcSeal(fromHex(setup.aes_key));
  let node: Observed;

  beforeAll(async () => {
    net.key = setup.aes_key;
    const config = { nodeId: "wl", whitelistNodeIds: ["friend"] };
    // The key that signed the request in its own name.
    node = await startWith(net, config, "22".repeat(32));
  });
  afterAll(() => net.close());

  it.each(whitelist.map((one) => [one.name, one] as const))("%s", async (name, one) => {
    const told = await ask(node, seal, post(one.path, await seal.seal(fromHex(one.plaintext))));
    const { status, body, response_plaintext_type: type } = one;
    const python = { status, body: type === null ? (body ?? "") : kindOfPython(type, 1, "wl") };
    expectAnswer("http_whitelist", name, told, python);
  });

  it("all rows of differences are about a request that is tested here", () => {
    const names = whitelist.map(({ name }) => name);
    expect(staleDifferences("http_whitelist", names)).toEqual([]);
  });
});

describe("responses.json", () => {
  it("our node's answers are what Python's were, byte for byte", async () => {
    const responses = loadVectors<{ name: string; plaintext: string; envelope: string }>(
      "responses",
    );
    const net = new TestNetwork();
    net.key = setup.aes_key;
    try {
      const node = await startWith(net, { nodeId: setup.node_id }, setup.private);
      const at = { address: "127.0.0.1", port: node.server.port };
      const seal = createAesCbcSeal(fromHex(setup.aes_key));
      const open = async (name: string) => {
        const request = fromHex(cases.find((one) => one.name === name)?.request ?? "");
        const answered = (await exchange(at, request)).responses[0];
        return toHex((await seal.open(answered?.body ?? Buffer.alloc(0))) ?? new Uint8Array());
      };
      const hello = await seal.seal(
        fromHex(plain.find((c) => c.name === "hello")?.plaintext ?? ""),
      );
      await exchange(at, post("/hello", hello));
      const answers: Record<string, string> = {
        "ping ok": await open("ping ok"),
        "data ok": await open("data empty payload"),
        "update stale or duplicate": "",
      };
      await open("update same timestamp, other content");
      answers["update stale or duplicate"] = await open("update stale");
      expect(Object.keys(answers)).toEqual(responses.map(({ name }) => name));
      for (const { name, plaintext, envelope } of responses) {
        expect(answers[name], name).toBe(plaintext);
        expect(toHex((await seal.open(fromHex(envelope))) ?? new Uint8Array())).toBe(plaintext);
      }
    } finally {
      await net.close();
    }
  });
});

describe("every recorded request", () => {
  it("is answered by a test here or in test/unit/transport", () => {
    const path = new URL("../unit/transport/http-vectors.test.ts", import.meta.url);
    const source = readFileSync(path, "utf8");
    const filter = /cases\.filter\(\(\{ name \}\) => !\/(.+)\/\.test\(name\)\)/.exec(source)?.[1];
    expect(filter, "http-vectors.test.ts no longer says which cases it leaves out").toBeDefined();
    const leftOut = new RegExp(filter ?? "");
    const unanswered = cases
      .map(({ name }) => name)
      .filter((name) => leftOut.test(name) && !DECIDED_BY_THE_NODE.test(name));
    expect(unanswered).toEqual([]);
    const twice = ours.filter(({ name }) => !leftOut.test(name));
    expect(twice).toEqual([]);
  });
});
