/**
 * The Python peer itself: it must answer as the reference answered before anything else may be
 * measured against it.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type PythonPeer,
  PythonPeerError,
  type PythonPeerOptions,
  pythonAvailable,
  runPython,
  startPythonPeer,
} from "./python-peer.ts";

const python = pythonAvailable();
const skipped = python.available ? "" : ` (skipped: ${python.reason})`;

/** A tick that never comes: the test ticks. */
const NEVER = 100_000;
const KEY = "000102030405060708090a0b0c0d0e0f";

interface HttpCase {
  readonly name: string;
  readonly request: string | null;
  readonly request_head: string | null;
  readonly request_length: number;
  readonly half_close: boolean;
  readonly status: number | null;
  readonly status_line: string | null;
  readonly headers: readonly string[];
  readonly end: "eof" | "timeout";
  readonly body?: string;
  readonly body_length?: number;
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

interface HttpVectors {
  readonly server: { readonly node_id: string; readonly aes_key: string; readonly private: string };
  readonly cases: readonly HttpCase[];
}

const load = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as T;
const http = load<HttpVectors>("http");
const plain = load<readonly PlainCase[]>("http_plain");
const whitelist = load<readonly WhitelistCase[]>("http_whitelist");
const plaintextOf = (cases: readonly { name: string; plaintext: string }[], name: string) => {
  const found = cases.find((one) => one.name === name);
  assert(found, `no vector "${name}"`);
  return Buffer.from(found.plaintext, "hex");
};

function seal(plaintext: Uint8Array): Buffer {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-128-cbc", Buffer.from(KEY, "hex"), iv);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final()]);
}

function open(body: Uint8Array): Buffer {
  const cipher = createDecipheriv("aes-128-cbc", Buffer.from(KEY, "hex"), body.subarray(0, 16));
  return Buffer.concat([cipher.update(body.subarray(16)), cipher.final()]);
}

interface Heard {
  readonly end: "eof" | "timeout";
  readonly statusLine: string | null;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** Sends bytes over a bare socket and hears what comes until the other side closes. */
function hear(port: number, request: Uint8Array, halfClose: boolean, timeoutMs: number) {
  return new Promise<Heard>((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      if (halfClose) socket.end(request);
      else socket.write(request);
    });
    const finish = (end: "eof" | "timeout") => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ end, ...split(Buffer.concat(chunks)) });
    };
    const timer = setTimeout(() => finish("timeout"), timeoutMs);
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => finish("eof")); // reset: it closed with our bytes unread
    socket.on("end", () => finish("eof"));
  });
}

function split(answer: Buffer): Omit<Heard, "end"> {
  const gap = answer.indexOf("\r\n\r\n");
  if (gap < 0 || !answer.subarray(0, 5).equals(Buffer.from("HTTP/"))) {
    return { statusLine: null, headers: [], body: answer };
  }
  const [statusLine, ...lines] = answer.subarray(0, gap).toString("latin1").split("\r\n");
  const headers = lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase()).sort();
  return { statusLine: statusLine ?? null, headers, body: answer.subarray(gap + 4) };
}

function requestOf(one: HttpCase): Buffer {
  if (one.request !== null) return Buffer.from(one.request, "hex");
  if (one.name === "64 KiB ping") {
    const body = seal(Buffer.alloc(65_537, 4));
    return Buffer.concat([Buffer.from(`${one.request_head}\r\n\r\n`), body]);
  }
  return Buffer.from(`${one.request_head}\r\n\r\n`);
}

/** What a case needs to have happened before: the vectors were taken one after the other. */
const BEFORE: Readonly<Record<string, string>> = {
  "data from a node whose stored key is 5 bytes": "hello 5-byte key is accepted",
  "peers ok": "hello 5-byte key is accepted",
  "peers trailing bytes": "hello 5-byte key is accepted",
  "peers id without address-book entry but with state":
    "update unknown id, garbage signature (accepted)",
};

describe.skipIf(!python.available)(`Python peer${skipped}`, () => {
  const running: PythonPeer[] = [];
  const start = async (options: PythonPeerOptions) => {
    const peer = await startPythonPeer(options);
    running.push(peer);
    return peer;
  };
  const stopAll = async () => {
    await Promise.all(running.splice(0).map((peer) => peer.stop()));
  };

  it("its wire functions agree with the vectors", () => {
    const { status, output } = runPython("selfcheck.py");
    expect(output).toMatch(/total: \d{3,} checks, 0 failed/);
    assert.equal(status, 0);
  });

  describe("answers http.json as the reference did", () => {
    let peer: PythonPeer;
    const post = (path: string, plaintext: Uint8Array) =>
      peer.rawEnvelope(peer.address, path, seal(plaintext));

    beforeAll(async () => {
      const { node_id, aes_key, private: keySeed } = http.server;
      assert.equal(aes_key, KEY);
      const networkIp = "127.0.0.1";
      const options = { id: node_id, key: aes_key, keySeed, networkIp, tickSeconds: NEVER };
      peer = await start(options);
    });
    afterAll(stopAll);

    it.each(http.cases.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
      assert.equal((await post("/hello", plaintextOf(plain, "hello"))).status, 200);
      if (one.name === "update stale") await post("/update", plaintextOf(whitelist, "update"));
      const before = http.cases.find(({ name }) => name === BEFORE[one.name]);
      if (before !== undefined) await hear(peer.port, requestOf(before), false, 5_000);

      const timeoutMs = one.end === "timeout" ? 500 : 5_000;
      const request = requestOf(one);
      assert.equal(request.length, one.request_length);
      const heard = await hear(peer.port, request, one.half_close, timeoutMs);

      assert.equal(heard.end, one.end);
      assert.equal(heard.statusLine, one.status_line);
      assert.deepEqual(heard.headers, one.headers);
      if (one.body !== undefined) assert.equal(heard.body.toString("utf8"), one.body);
      if (one.body_length !== undefined) assert.equal(heard.body.length, one.body_length);
      if (one.response_plaintext_type === undefined) return;
      const plaintext = open(heard.body);
      assert.equal(plaintext.subarray(0, 1).toString("hex"), one.response_plaintext_type);
      assert.equal(plaintext.length, one.response_plaintext_length);
      if (one.response_plaintext !== undefined) {
        assert.equal(plaintext.toString("hex"), one.response_plaintext);
      }
    });
  });

  describe("answers http_plain.json and http_whitelist.json as the reference did", () => {
    let open: PythonPeer;
    let picky: PythonPeer;

    beforeAll(async () => {
      const networkIp = "127.0.0.1";
      open = await start({ id: "pl", networkIp, tickSeconds: NEVER });
      picky = await start({ id: "wl", key: KEY, whitelist: ["friend"], tickSeconds: NEVER });
    });
    afterAll(stopAll);

    it.each(plain.map((one) => [one.name, one] as const))("plain: %s", async (_name, one) => {
      const answer = await open.raw(open.address, one.path, Buffer.from(one.plaintext, "hex"));
      assert.equal(answer.status, one.status);
      assert.equal(answer.bodyHex.length / 2, one.body_length);
      assert.equal(answer.bodyHex.slice(0, 2), one.body_type);
    });

    it.each(whitelist.map((one) => [one.name, one] as const))("whitelist: %s", async (_, one) => {
      const answer = await picky.raw(picky.address, one.path, Buffer.from(one.plaintext, "hex"));
      assert.equal(answer.status, one.status);
      if (one.body !== null) {
        assert.equal(Buffer.from(answer.bodyHex, "hex").toString("utf8"), one.body);
      }
      assert.equal(answer.openedHex?.slice(0, 2) ?? null, one.response_plaintext_type);
    });
  });

  describe("lives as the reference lives", () => {
    afterEach(stopAll);

    const pair = async (tickSeconds: number) => {
      const a = await start({ id: "a", key: KEY, host: "127.0.0.2", tickSeconds });
      const b = await start({
        id: "b",
        key: KEY,
        host: "127.0.0.3",
        tickSeconds,
        bootstrap: [a.address],
      });
      await b.joined();
      return { a, b };
    };

    it("two join, exchange state and data; one dies and the other tells", async () => {
      const { a, b } = await pair(0.5);
      assert.deepEqual(await a.peers(), ["a", "b"]);
      assert.deepEqual(await b.peers(), ["b", "a"]);
      assert.deepEqual(await b.book(), [
        ["b", "127.0.0.3", b.port],
        ["a", "127.0.0.2", a.port],
      ]);

      await a.set("status", "on");
      await b.setJson("load", "1.0");
      assert.equal((await b.read("a", "status")).value, "on");
      assert.equal((await a.state("b")).stateJson, '{"load": 1.0}');
      await a.del("status");
      assert.equal((await b.read("a", "status")).found, false);

      assert.equal(await a.send("b", Buffer.from("hi")), "OK");
      await b.events.waitFor((e) => e.event === "data" && e.from === "a" && e.hex === "6869");

      await b.kill();
      await a.events.waitFor((e) => e.event === "disconnect" && e.node === "b");
      assert.deepEqual(await a.peers(), ["a"]);
      await assert.rejects(a.read("b", "load"), /KeyError: 'b'/);
    });

    it("a third finds the second through the first", async () => {
      const { a, b } = await pair(NEVER);
      await b.set("k", "v");
      const options = { id: "c", key: KEY, host: "127.0.0.4", tickSeconds: NEVER };
      const c = await start({ ...options, bootstrap: ["127.0.0.9:1", a.address] });
      await c.joined();
      assert.deepEqual(await c.peers(), ["c", "a", "b"]);
      assert.equal((await c.read("b", "k")).value, "v");
      assert.deepEqual(await b.peers(), ["b", "a", "c"]);
      const sent = (await c.tape()).filter((e) => e.kind === "request" && e.direction === "out");
      assert.deepEqual(
        sent.slice(-5).map((e) => `${e.path} ${e.peer}`),
        [
          `/hello ${a.address}`,
          `/update ${a.address}`,
          `/peers ${a.address}`,
          `/hello ${b.address}`,
          `/update ${b.address}`,
        ],
      );
    });

    it("raises an alert when no bootstrap node answers, after three tries", async () => {
      const alone = await start({ id: "alone", bootstrap: ["127.0.0.9:1"] });
      await assert.rejects(alone.joined(), /Could not connect to any bootstrap node/);
      const tries = (await alone.tape()).filter((e) => e.path === "/hello");
      assert.equal(tries.length, 3);
    });

    it("asks with the headers of python-requests, one connection each", async () => {
      const seen: { raw: string[]; version: string; port: number | undefined }[] = [];
      const server = createServer((request, response) => {
        const { rawHeaders: raw, httpVersion: version } = request;
        seen.push({ raw, version, port: request.socket.remotePort });
        request.resume().on("end", () => response.end(Buffer.of(4)));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      try {
        const peer = await start({ id: "p", host: "127.0.0.5", tickSeconds: NEVER });
        const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
        await peer.ping({ address });
        await peer.ping({ address });
        const [first, second] = seen;
        assert.deepEqual(first?.raw, [
          ...["Host", address, "User-Agent", "python-requests/2.28.1"],
          ...["Accept-Encoding", "gzip, deflate", "Accept", "*/*", "Connection", "keep-alive"],
          ...["Content-Type", "application/octet-stream", "Content-Length", "2"],
        ]);
        assert.equal(first.version, "1.1");
        assert.notEqual(first.port, second?.port);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });

    it("stores an unsigned state of an unknown id, then drops it with a false disconnect", async () => {
      const { a, b } = await pair(NEVER);
      const ghost = { owner: "ghost", version: 1, stateJson: '{"role": "admin"}' };
      const answer = await b.forgeUpdate(a.address, { ...ghost, signWith: "none" });
      assert.equal(answer.status, 200);
      assert.equal((await a.read("ghost", "role")).value, "admin");
      await a.tick();
      await a.events.waitFor((e) => e.event === "disconnect" && e.node === "ghost");
      assert.deepEqual(await a.peers(), ["a", "b"]);
    });
  });

  describe("does what a test asks of it", () => {
    let a: PythonPeer;
    let b: PythonPeer;

    beforeAll(async () => {
      const common = { key: KEY, tickSeconds: NEVER };
      a = await start({ ...common, id: "a", host: "127.0.0.6", trace: true });
      b = await start({ ...common, id: "b", host: "127.0.0.7", bootstrap: [a.address] });
      await b.joined();
    });
    afterAll(stopAll);

    it("answers a bad command with an error and lives on", async () => {
      await assert.rejects(a.command("dance"), /no command 'dance'/);
      await assert.rejects(a.command("read", {}), /KeyError: 'node'/);
      await assert.rejects(a.ping({ node: "nobody" }), PythonPeerError);
      assert.deepEqual(await a.peers(), ["a", "b"]);
    });

    it("answers PING with a status, which is not tried again", async () => {
      await a.status(503);
      const since = a.events.count;
      await assert.rejects(b.ping({ node: "a" }), (error: PythonPeerError) => error.status === 503);
      await a.status(undefined);
      await b.ping({ node: "a" });
      const statuses = a.events.of("request").slice(-2);
      assert.deepEqual(
        statuses.map(({ path, from, status }) => [path, from, status]),
        [
          ["/ping", "127.0.0.7", 503],
          ["/ping", "127.0.0.7", 200],
        ],
      );
      assert.equal(a.events.count, since + 2);
    });

    it("is deaf for 1 s of tries and silent for 7 s", async () => {
      const elapsed = async (action: Promise<void>) => {
        const begun = performance.now();
        await assert.rejects(action);
        return performance.now() - begun;
      };
      await a.deaf();
      expect(await elapsed(b.ping({ address: a.address }))).toBeGreaterThan(900);
      await a.undeaf();
      await b.ping({ address: a.address });
      await a.silent(true);
      const silence = await elapsed(b.ping({ address: a.address }));
      await a.silent(false);
      expect(silence).toBeGreaterThan(6_900);
      expect(silence).toBeLessThan(9_000);
      await b.ping({ address: a.address });
    });

    it("drips an answer, whose total time nobody limits", async () => {
      await a.drip(0.1);
      try {
        const begun = performance.now();
        await b.ping({ node: "a" });
        expect(performance.now() - begun).toBeGreaterThan(3_000); // 32 bytes
      } finally {
        await a.drip(0);
      }
    });

    it("shifts its clock, and is ignored when it goes back", async () => {
      await a.set("k", "before");
      await a.clock(-600);
      await a.set("k", "after");
      assert.equal((await b.read("a", "k")).value, "before");
      await a.clock(0);
      await a.set("k", "now");
      assert.equal((await b.read("a", "k")).value, "now");
    });

    it("replays what it recorded", async () => {
      const since = b.events.count;
      await a.send("b", Buffer.from("once"));
      const sent = (await a.tape()).findLast((e) => e.path === "/data" && e.kind === "request");
      assert(sent);
      assert.equal((await a.replay(sent.index, b.address, "127.0.0.8")).status, 200);
      const hexes = b.events.of("data").map((e) => e.hex);
      assert.deepEqual(hexes.slice(-2), ["6f6e6365", "6f6e6365"]);
      assert.equal(b.events.count, since + 2);
    });

    it("lies in PEERS, under its own signature", async () => {
      const answered = async () => {
        await b.gossip("a");
        const answer = (await b.tape()).findLast((e) => e.path === "/peers" && e.kind === "answer");
        return open(Buffer.from(answer?.bodyHex ?? "", "hex")).toString("latin1");
      };
      await a.lieInPeers([["imaginary", "127.0.0.9", 1]]);
      expect(await answered()).toContain("imaginary");
      await a.lieInPeers([]);
      expect(await answered()).not.toContain("imaginary");
      assert.deepEqual(await b.peers(), ["b", "a"]);
    });

    it("answers UPDATE with the state of another", async () => {
      const lie = { owner: "neverseen", versionHex: "7ff0000000000000", stateJson: '{"x":1}' };
      await a.answerUpdateWith({ ...lie, signature: "garbage" });
      await b.gossip("a");
      await a.answerUpdateWith(undefined);
      const { version, versionHex, stateJson } = await b.state("neverseen");
      assert.deepEqual([version, versionHex, stateJson], [null, lie.versionHex, '{"x": 1}']);
    });

    it("says HELLO for others, and moves them", async () => {
      const publicKeyHex = Buffer.from(b.publicKey).toString("hex");
      const claim = { nodeId: "b", publicKeyHex, port: 7, sign: "garbage" } as const;
      const theft = await b.helloAs(a.address, claim, "127.0.0.8");
      assert.equal(theft.status, 200);
      expect(await a.book()).toContainEqual(["b", "127.0.0.8", 7]);
      const other = await b.helloAs(a.address, { nodeId: "b", publicKeyHex: "00" });
      assert.equal(other.status, 401);
      assert.equal(Buffer.from(other.bodyHex, "hex").toString(), "Cannot verify ECDSA key for b");
      await b.hello(a.address);
      expect(await a.book()).toContainEqual(["b", b.host, b.port]);
    });

    it("answers HELLO under another id", async () => {
      await a.answerHelloAs({ nodeId: "alias", sign: "none" });
      assert.equal(await b.hello(a.address), "alias");
      await a.answerHelloAs(undefined);
      assert.equal(await b.hello(a.address), "a");
    });

    it("answers with what it recorded", async () => {
      await b.ping({ node: "a" });
      const pong = (await b.tape()).findLast((e) => e.path === "/ping" && e.kind === "answer");
      assert(pong);
      await b.answerWithTape("/ping", pong.index);
      const answer = await a.raw(b.address, "/ping", Buffer.of(4, 0x20));
      assert.equal(answer.bodyHex, pong.bodyHex);
      await b.answerWithTape("/ping", undefined);
    });

    it("sends what it is told, sealed or not", async () => {
      assert.equal((await b.raw(a.address, "/ping", Buffer.of(4))).openedHex, "04");
      assert.equal((await b.raw(a.address, "/ping", Buffer.of(4), false)).status, 401);
      assert.equal((await b.rawEnvelope(a.address, "/ping", seal(Buffer.of(5)))).status, 400);
    });
  });

  it("ends when stdin closes", () => {
    const { status, output } = runPython("peer.py", ["--id=brief", "--host=127.0.0.1"]);
    assert.equal(status, 0);
    expect(output).toMatch(
      /^\{"event": "listening", "port": \d+, "publicKey": "[0-9a-f]{128}"\}\n/,
    );
  });

  it("stop() ends it and clears up, whatever its condition", async () => {
    const frozen = await startPythonPeer({ id: "frozen" });
    await frozen.kill("SIGSTOP");
    await frozen.stop();
    await frozen.stop();
    await assert.rejects(frozen.peers(), /has ended/);
    assert.throws(() => readFileSync(`${frozen.credentialDir}/frozen/frozen.pub`), /ENOENT/);
    assert.equal(frozen.stderr, "");
  });
});
