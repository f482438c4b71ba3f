import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DSNodeServer } from "../../src/index.ts";
import { dsn, dsnToEnd, endAll, type Running, requireBuild } from "./cli-process.ts";

const ESCAPE = "\u001b";
let folder: string;

beforeAll(requireBuild);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dsn-cli-"));
});
afterEach(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a key file that nobody else can read. */
function keyFile(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, DSNodeServer.generateKey(), { mode: 0o600 });
  return path;
}

/** A node on any free port of the loopback. */
function startNode(id: string, ...args: readonly string[]): Running {
  return dsn(startArgs(id, ...args));
}

function startArgs(id: string, ...args: readonly string[]): string[] {
  const place = ["--bind", "127.0.0.1", "--advertise", "127.0.0.1", "--credential-dir", folder];
  return ["start", "--id", id, "--port", "0", ...place, ...args];
}

async function addressOf(node: Running): Promise<string> {
  const { port } = await node.event("listening");
  return `127.0.0.1:${String(port)}`;
}

/** The same, of a node that talks to people. */
function listeningOf(node: Running): Promise<string> {
  return node.until("the banner", ({ stderr }) =>
    stderr.includes("Ready.") ? /listening +(127\.0\.0\.1:\d+)/.exec(stderr)?.[1] : undefined,
  );
}

describe("dsn start", () => {
  it("joins another node, and both tell what they see as one JSON object per line", async () => {
    const key = keyFile("net.key");
    const first = startNode("one", "--key-file", key, "--json", "--set", "hello=world");
    const through = await addressOf(first);
    const second = startNode(
      ...["two", "--key-file", key, "--json", "--join", through],
      ...["--set", "temperature=72.5", "--set", "formula=a=b"],
    );
    expect(await second.event("joined")).toMatchObject({ through, peers: ["one"] });
    expect(await second.event("state:update")).toMatchObject({
      node: "one",
      set: { hello: "world" },
      deleted: [],
      previous: {},
    });
    expect(await first.event("peer:join")).toMatchObject({ node: "two", rejoined: false });
    expect(await first.event("state:update")).toMatchObject({
      node: "two",
      set: { temperature: "72.5", formula: "a=b" },
    });
    second.child.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
    expect(second.events().at(-1)).toMatchObject({ type: "closed" });
    expect(await first.event("peer:leave")).toMatchObject({ node: "two", status: "left" });
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says goodbye and exits 1 when the disk that its answers go to is full",
    async () => {
      const full = openSync("/dev/full", "w");
      const first = dsn(startArgs("one"), { stdout: full });
      closeSync(full);
      const second = startNode("two", "--json", "--join", await listeningOf(first));
      const { code, stderr } = await first.ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /Cannot write to standard output {2}DSN_FILE\n +Why +the disk is full/,
      );
      expect(stderr).toMatch(/Stopped\.\n$/);
      expect(await second.event("peer:leave")).toMatchObject({ node: "one", status: "left" });
    },
  );

  it("says goodbye and exits 0 when nobody reads its answers any more", async () => {
    const first = startNode("one");
    const through = await listeningOf(first);
    first.child.stdout?.destroy();
    const second = startNode("two", "--json", "--join", through);
    expect((await first.ended).code).toBe(0);
    expect(await second.event("peer:leave")).toMatchObject({ node: "one", status: "left" });
  });

  it("tells people who it is, how it is reached and what happens", async () => {
    const key = keyFile("net.key");
    const first = startNode("one", "--key-file", key);
    const address = await listeningOf(first);
    expect(first.stderr).toMatch(/^dsn \d+\.\d+\.\d+ \(protocol 0\.9\.0\)\n/);
    expect(first.stderr).toMatch(/identity +SHA256:\S{43} \(new\)/);
    expect(first.stderr).toMatch(/encryption +on, key id [0-9a-f]{8}/);
    expect(first.stderr).toContain(`--key-file ${key} --join ${address}`);
    const second = startNode(
      ...["two", "--key-file", key, "--json", "--set", "status=up"],
      ...["--join", address],
    );
    const clock = String.raw`^\d\d:\d\d:\d\d {2}`;
    const line = (text: string) => new RegExp(clock + text, "m");
    await first.until("the join", ({ stdout }) =>
      line("set     two {2}status {2}\\(new\\) -> up$").test(stdout) ? true : undefined,
    );
    expect(first.stdout).toMatch(line("join {4}two from 127\\.0\\.0\\.1:\\d+$"));
    second.child.kill("SIGKILL");
    await first.until("the leave", ({ stdout }) =>
      line("leave {3}two {2}DSN_UNREACHABLE").test(stdout) ? true : undefined,
    );
    first.child.kill("SIGINT");
    const { code, stdout, stderr } = await first.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/Stopped\.\n$/);
    expect(stdout + stderr).not.toContain(ESCAPE);
  });

  it("says loudly that traffic is not encrypted, also with --quiet", async () => {
    const node = startNode("one");
    await node.until("the banner", ({ stderr }) => stderr.includes("Ready.") || undefined);
    expect(node.stderr).toMatch(/encryption +OFF/);
    const quiet = startNode("two", "--quiet");
    await quiet.until("the warning", ({ stderr }) => stderr.includes("not encrypted") || undefined);
    expect(quiet.stderr).toMatch(/^! .*\n$/);
  });

  it("keeps its identity, and says that it is a known one", async () => {
    const fingerprints = [];
    for (const newIdentity of [true, false]) {
      const node = startNode("one", "--json");
      const event = await node.event("listening");
      expect(event["newIdentity"]).toBe(newIdentity);
      fingerprints.push(event["fingerprint"]);
      node.child.kill("SIGTERM");
      expect((await node.ended).code).toBe(0);
    }
    expect(fingerprints[0]).toBe(fingerprints[1]);
  });

  it("names a wrong network key as DSN_KEY_REFUSED, with what to do", async () => {
    const first = startNode("one", "--key-file", keyFile("net.key"), "--json");
    const through = await addressOf(first);
    const other = ["--key-file", keyFile("other.key"), "--join", through];
    const json = startNode("two", ...other, "--json");
    const warning = await json.event("warning");
    expect(warning).toMatchObject({
      code: "DSN_NO_BOOTSTRAP",
      cause: { code: "DSN_KEY_REFUSED", fix: expect.arrayContaining([expect.any(String)]) },
    });
    const human = startNode("three", ...other);
    await human.until("the refusal", ({ stderr }) => stderr.includes("keeps trying") || undefined);
    expect(human.stderr).toMatch(/ {2}! {7}Cannot join .* {2}DSN_KEY_REFUSED\n +Why .*\n +Fix /);
    expect(await first.event("warning")).toMatchObject({ code: "DSN_KEY_STRANGER" });
  });

  it("exits 8 when the port is in use", async () => {
    const taken = await listenAnywhere();
    try {
      const { port } = taken.address() as { port: number };
      const args = ["start", "--id", "one", "--bind", "127.0.0.1", "--port", String(port)];
      const { code, stdout, stderr } = await dsnToEnd([...args, "--credential-dir", folder]);
      expect({ code, stdout }).toEqual({ code: 8, stdout: "" });
      expect(stderr).toMatch(/^✖ Port \d+ is in use.* {2}DSN_PORT_IN_USE\n {2}Why .*\n {2}Fix /);
    } finally {
      taken.close();
    }
  });

  it("prints what peers send with control characters escaped", async () => {
    const hostile = `${ESCAPE}[2J${ESCAPE}]0;owned\u0007\r\n14:00:00  join    forged\u202e\u009b1m`;
    const human = startNode("one");
    const port = await human.until(
      "the banner",
      ({ stderr }) => /listening +127\.0\.0\.1:(\d+)/.exec(stderr)?.[1],
    );
    const json = startNode("two", "--json", "--join", `127.0.0.1:${port}`);
    await json.event("joined");
    const peer = await DSNodeServer.start(
      {
        nodeId: "peer",
        networkIp: "127.0.0.1",
        bootstrapNodes: [`127.0.0.1:${port}`],
        credentialDir: join(folder, "peer"),
      },
      { state: { [hostile]: hostile, __proto__: "x" } as Record<string, string> },
    );
    try {
      await peer.waitForPeers(["one", "two"]);
      await peer.broadcast(hostile);
      await peer.broadcast(new Uint8Array([0x1b, 0x5b, 0xff]));
      await human.until("data", ({ stdout }) => stdout.includes("1b 5b ff") || undefined);
      await json.event("data", (event) => event["base64"] === "G1v/");
      // One that has left is not listed any more, nor is its state told.
      await json.event("state:update", ({ node }) => node === "peer");
    } finally {
      await peer.stop();
    }
    expect(human.stdout).toContain("\\u{1b}[2J");
    for (const output of [human.stdout, human.stderr, json.stdout]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there but newlines.
      expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e-\u202e]/);
      expect(output).not.toMatch(/^14:00:00 {2}join {4}forged/m);
    }
    expect(await json.event("data")).toMatchObject({ from: "peer", text: hostile });
    const update = await json.event("state:update", ({ node }) => node === "peer");
    expect(update["set"]).toHaveProperty([hostile], hostile);
  });

  it("stops when nobody reads its answers any more", async () => {
    const first = startNode("one", "--json");
    const through = await addressOf(first);
    first.child.stdout?.destroy();
    startNode("two", "--json", "--join", through);
    expect((await first.ended).code).toBe(0);
  });
});

function listenAnywhere(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
