import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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
function keyFile(name: string, content: string | Uint8Array = DSNodeServer.generateKey()): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** A node on any free port of the loopback. */
function startNode(id: string, ...args: readonly string[]): Running {
  const place = ["--bind", "127.0.0.1", "--advertise", "127.0.0.1", "--credential-dir", folder];
  return dsn(["start", "--id", id, "--port", "0", ...place, ...args]);
}

async function addressOf(node: Running): Promise<string> {
  const { port } = await node.event("listening");
  return `127.0.0.1:${String(port)}`;
}

describe("dsn keygen", () => {
  it("prints 32 hex digits and a newline, nothing else", async () => {
    const { code, stdout, stderr } = await dsnToEnd(["keygen"]);
    expect(stdout).toMatch(/^[0-9a-f]{32}\n$/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("--json adds the key id", async () => {
    const { stdout } = await dsnToEnd(["keygen", "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      schema: "dsn.keygen/1",
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      keyId: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
  });

  it("--out writes a file for its owner only, and says where it is and its key id", async () => {
    const { code, stdout, stderr } = await dsnToEnd(["keygen", "--out", "net.key"], {
      cwd: folder,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    const path = join(folder, "net.key");
    expect(readFileSync(path, "utf8")).toMatch(/^[0-9a-f]{32}\n$/);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(stderr).toMatch(/net\.key \(mode 0600, key id [0-9a-f]{8}\)/);
    expect(stderr).not.toContain(readFileSync(path, "utf8").trim());
  });

  it("--out does not touch a file that is there, and exits 8", async () => {
    const path = keyFile("net.key", "precious\n");
    const { code, stderr } = await dsnToEnd(["keygen", "--out", path]);
    expect(code).toBe(8);
    expect(stderr).toContain("DSN_FILE_EXISTS");
    expect(readFileSync(path, "utf8")).toBe("precious\n");
  });

  it("--out --force replaces it", async () => {
    const path = keyFile("net.key", "precious\n");
    const { code } = await dsnToEnd(["keygen", "--out", path, "--force"]);
    expect(code).toBe(0);
    expect(readFileSync(path, "utf8")).toMatch(/^[0-9a-f]{32}\n$/);
  });

  it("tells why a file cannot be written", async () => {
    const { code, stderr } = await dsnToEnd(["keygen", "--out", join(folder, "no/such/key")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/✖ Cannot write the key file .*\n {2}Why {3}.*\n {2}Fix {3}/);
  });
});

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
    expect(await first.event("peer:leave")).toMatchObject({
      node: "two",
      reason: { code: "DSN_UNREACHABLE" },
    });
  });

  it("tells people who it is, how it is reached and what happens", async () => {
    const key = keyFile("net.key");
    const first = startNode("one", "--key-file", key);
    const port = await first.until("the banner", ({ stderr }) =>
      stderr.includes("Ready.") ? /listening +127\.0\.0\.1:(\d+)/.exec(stderr)?.[1] : undefined,
    );
    expect(first.stderr).toMatch(/^dsn \d+\.\d+\.\d+ \(protocol 0\.9\.0\)\n/);
    expect(first.stderr).toMatch(/identity +SHA256:\S{43} \(new\)/);
    expect(first.stderr).toMatch(/encryption +on, key id [0-9a-f]{8}/);
    expect(first.stderr).toContain(`--key-file ${key} --join 127.0.0.1:${port}`);
    const second = startNode(
      ...["two", "--key-file", key, "--json", "--set", "status=up"],
      ...["--join", `127.0.0.1:${port}`],
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

describe("The network key", () => {
  async function keyIdOf(path: string, stdin?: Uint8Array): Promise<unknown> {
    const place = ["--bind", "127.0.0.1", "--port", "0", "--credential-dir", folder];
    const node = dsn(["start", "--id", "one", "--json", "--key-file", path, ...place], {
      ...(stdin === undefined ? {} : { stdin }),
    });
    const { keyId } = await node.event("listening");
    node.child.kill("SIGTERM");
    await node.ended;
    return keyId;
  }

  const digits = "00112233445566778899aabbccddeeff";
  const spaced = `  ${digits.slice(0, 16)}\r\n${digits.slice(16).toUpperCase()}\n\n`;

  it.each([
    ["with white space and in upper case", Buffer.from(spaced)],
    ["as PowerShell writes it", Buffer.from(`\ufeff${digits}\r\n`, "utf16le")],
    ["with a byte order mark", Buffer.from(`\ufeff${digits}`)],
  ])("may be in a file %s", async (_, bytes) => {
    const plain = await keyIdOf(keyFile("plain.key", digits));
    expect(await keyIdOf(keyFile("net.key", bytes))).toBe(plain);
  });

  it("may come from standard input", async () => {
    const plain = await keyIdOf(keyFile("plain.key", digits));
    expect(await keyIdOf("-", Buffer.from(spaced))).toBe(plain);
  });

  it.skipIf(process.platform === "win32")(
    "in a file that others can read is worth a warning",
    async () => {
      const path = join(folder, "shared.key");
      writeFileSync(path, digits, { mode: 0o644 });
      const node = startNode("one", "--key-file", path);
      await node.until("the banner", ({ stderr }) => stderr.includes("Ready.") || undefined);
      expect(node.stderr).toMatch(
        /^! Others can read .*DSN_KEY_FILE_SHARED\n(?:.*\n)* {2}Fix {3}chmod 600/,
      );
    },
  );

  it.each([
    ["in an option of another name", ["start", "--key", digits]],
    ["in an option with =", ["start", `--aes-key=${digits}`]],
    ["where the name of a file belongs", ["start", "--key-file", digits]],
  ])("on the command line, %s, is refused and not shown", async (_, args) => {
    const { code, stdout, stderr } = await dsnToEnd(args);
    expect(code).toBe(2);
    expect(stderr).toContain("--key-file");
    expect(stdout + stderr).not.toContain(digits);
  });

  it("that is none exits 2, names the file and does not show what it holds", async () => {
    const path = keyFile("long.key", digits + digits);
    const { code, stderr } = await dsnToEnd(["start", "--key-file", path]);
    expect(code).toBe(2);
    expect(stderr).toContain(`There is no network key in ${path}  DSN_KEY_FORMAT`);
    expect(stderr).toContain("64 digits");
    expect(stderr).not.toContain(digits);
  });
});

describe("A command line that cannot be understood", () => {
  const typos = {
    start: {
      "--idd": "--id",
      "--prot": "--port",
      "--joi": "--join",
      "--jion": "--join or --json",
      "--key-fil": "--key-file",
      "--adverstise": "--advertise",
      "--bnd": "--bind",
      "--alow": "--allow",
      "--sett": "--set",
      "--credentials-dir": "--credential-dir",
      "--jsn": "--json",
      "--quite": "--quiet",
      "--no-colour": "--no-color",
      "--hlep": "--help",
    },
    keygen: { "--ot": "--out", "--forse": "--force", "--jsno": "--json" },
  };
  const cases = Object.entries(typos).flatMap(([command, all]) =>
    Object.entries(all).map(([typo, meant]) => [command, typo, meant] as const),
  );

  it.each(cases)("dsn %s %s: did you mean %s?", async (command, typo, meant) => {
    const { code, stdout, stderr } = await dsnToEnd([command, typo, "x"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^✖ There is no option --\S+ {2}DSN_USAGE\n {2}Fix {3}/);
    expect(stderr).toContain(`did you mean ${meant}?`);
  });

  it.each([
    ["--port", "80000", /whole number, 0 to 65535/],
    ["--port", "-1", /whole number, 0 to 65535/],
    ["--port", "8e3", /whole number, 0 to 65535/],
    ["--id", "a/b", /A-Z a-z 0-9/],
    ["--id", "..", /not dots only/],
    ["--join", "localhost", /host:port/],
    ["--join", "localhost:0", /1 to 65535/],
    ["--advertise", "http://here", /IP address or a host name/],
    ["--bind", "1.2.3", /IP address or a host name/],
    ["--allow", "a/b", /must be an id/],
    ["--set", "novalue", /KEY=VALUE/],
    ["--set", "=x", /KEY=VALUE/],
  ])("dsn start %s %s names the option, the value and the rule", async (option, value, rule) => {
    const { code, stdout, stderr } = await dsnToEnd(["start", `${option}=${value}`]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`Cannot use ${option} "${value}"`);
    expect(stderr).toMatch(rule);
    expect(stderr).toMatch(/^ {2}Fix {3}for example --/m);
  });

  it.each([
    [["strat"], "did you mean dsn start?"],
    [["start", "here"], "see what there is: dsn start --help"],
    [["start", "--port"], "write --port <n>"],
  ])("dsn %j says what to do", async (args, fix) => {
    const { code, stderr } = await dsnToEnd(args);
    expect(code).toBe(2);
    expect(stderr).toContain(fix);
  });

  it("is told as JSON with --json, and stdout stays empty", async () => {
    const { code, stdout, stderr } = await dsnToEnd(["start", "--json", "--prot", "1"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(JSON.parse(stderr)).toEqual({
      schema: "dsn.error/1",
      error: {
        code: "DSN_USAGE",
        message: "There is no option --prot",
        fix: ["did you mean --port?", "see what there is: dsn start --help"],
      },
    });
  });
});

describe("dsn", () => {
  it.each([[["--help"]], [["start", "--help"]], [["keygen", "--help"]], [["version", "--help"]]])(
    "%j leads with examples",
    async (args) => {
      const { code, stdout, stderr } = await dsnToEnd(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Examples:\n {2}dsn /);
      expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
    },
  );

  it("without a command prints its help on stderr and exits 2", async () => {
    const { code, stdout, stderr } = await dsnToEnd([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^Examples:/);
  });

  it.each([["version"], ["-V"], ["--version"]])("%s prints the version", async (argument) => {
    const { code, stdout } = await dsnToEnd([argument]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^dsn \d+\.\d+\.\d+ \(protocol 0\.9\.0\)\n$/);
  });
});

function listenAnywhere(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
