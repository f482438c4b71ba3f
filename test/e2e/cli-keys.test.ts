import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dsn, dsnToEnd, endAll, requireBuild } from "./cli-process.ts";

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
function keyFile(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
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

  it("--out with a folder says that it is one, and that no force helps", async () => {
    const { code, stderr } = await dsnToEnd(["keygen", "--out", folder]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/DSN_FILE\n +Why +that is a folder\n +Fix +name a file\n$/);
  });

  it("--out - writes to stdout, as - means for others", async () => {
    const { code, stdout } = await dsnToEnd(["keygen", "--out", "-"], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[0-9a-f]{32}\n$/);
    expect(readdirSync(folder)).toEqual([]);
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

const START = ["start", "--id", "one", "--port", "0", "--bind", "127.0.0.1"];

describe("The network key", () => {
  async function keyIdOf(path: string, stdin?: Uint8Array): Promise<unknown> {
    const node = dsn([...START, "--json", "--key-file", path, "--credential-dir", folder], {
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
      const node = dsn([...START, "--credential-dir", folder, "--key-file", path]);
      await node.until("the banner", ({ stderr }) => stderr.includes("Ready.") || undefined);
      expect(node.stderr).toMatch(
        /^! Others can read .*DSN_KEY_FILE_SHARED\n(?:.*\n)* {2}Fix {3}chmod 600/,
      );
      const json = dsn([...START, "--json", "--credential-dir", folder, "--key-file", path]);
      await json.event("listening");
      expect(json.events()[0]).toMatchObject({
        type: "warning",
        code: "DSN_KEY_FILE_SHARED",
        resolved: false,
      });
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
