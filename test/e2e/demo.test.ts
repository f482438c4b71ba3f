import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { endAll, isAlive, ROOT, Running, requireBuild } from "./cli-process.ts";

let temporary: string;

beforeAll(requireBuild);
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "dsn-demo-test-"));
});
afterEach(async () => {
  await endAll();
  rmSync(temporary, { recursive: true, force: true });
});

function demo(...args: readonly string[]): Running {
  return new Running(join(ROOT, "scripts/start.mjs"), args, {
    env: { DSN_DEMO_PREPARED: "1", TMPDIR: temporary, TEMP: temporary },
  });
}

/** A port of the loopback that is in use, with some free ones behind it in all likelihood. */
function takePort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
  });
}

function processes({ stdout }: { stdout: string }): number[] {
  return [...stdout.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));
}

describe("The demo", () => {
  it("tells its story with times, steps over ports in use, and leaves nothing behind", async () => {
    const { server, port } = await takePort();
    try {
      const { code, stdout, stderr } = await demo(
        ...["--once", "--plain", "--nodes", "4", "--port", String(port)],
      ).ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect([...stdout.matchAll(/^(\d) {2}(\S+)/gm)].map(([, n, word]) => `${n} ${word}`)).toEqual(
        ["1 Make", "2 Start", "3 Write", "4 Send", "5 Kill", "6 Start"],
      );
      expect(stdout).toMatch(/every node seeing all others +[\d.]+ m?s$/m);
      expect(stdout).toMatch(/✓ gamma reads 72\.5 +[\d.]+ m?s$/m);
      expect(stdout).toMatch(/✓ delta received "hello there" +[\d.]+ m?s$/m);
      expect(stdout).toMatch(/✓ alpha noticed that delta is gone +[\d.]+ m?s$/m);
      expect(stdout).toMatch(/✓ delta is back and reads mode = eco +[\d.]+ m?s$/m);
      expect(stdout).not.toContain(`127.0.0.1:${port} `);
      expect(stdout).not.toContain("\u001b");
      expect(processes({ stdout })).toHaveLength(4);
      expect(processes({ stdout }).filter(isAlive)).toEqual([]);
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      server.close();
    }
  });

  it("ended by Ctrl-C leaves no process and no folder behind", async () => {
    const { server, port } = await takePort();
    server.close();
    const running = demo("--once", "--plain", "--port", String(port));
    await running.until("three nodes", (said) => processes(said).length === 3 || undefined);
    expect(readdirSync(temporary)).toHaveLength(1);
    running.child.kill("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(processes(ended).filter(isAlive)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("killed at once leaves no process behind", async () => {
    const { server, port } = await takePort();
    server.close();
    const running = demo("--once", "--plain", "--port", String(port));
    const pids = await running.until("three nodes", (said) => {
      const found = processes(said);
      return found.length === 3 ? found : undefined;
    });
    running.child.kill("SIGKILL");
    await running.ended;
    await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  });

  it.each([
    ["--nodes", "2"],
    ["--nodes", "9"],
    ["--port", "0"],
    ["--port", "x"],
  ])("%s %s exits 2 and names the option", async (option, value) => {
    const { code, stderr } = await demo(option, value).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`Cannot start the demo: ${option} is "${value}"`);
  });

  it("an unknown option exits 2; --help says what there is", async () => {
    const unknown = await demo("--onec").ended;
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/^✖ .*--onec/);
    const help = await demo("--help").ended;
    expect(help.code).toBe(0);
    for (const option of ["--once", "--nodes", "--port", "--plain"]) {
      expect(help.stdout).toContain(option);
    }
  });
});
