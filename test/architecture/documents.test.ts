import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { globMatcher } from "../../src/node/glob.ts";

const root = resolve(import.meta.dirname, "../..");
// Inside the repository, so that the package can be imported by its own name, as users do.
const programs = join(root, ".tmp", `documents-${process.pid}`);
const workDirectory = mkdtempSync(join(tmpdir(), "dsn-documents-"));
mkdirSync(programs, { recursive: true });

afterAll(() => {
  rmSync(programs, { recursive: true, force: true });
  rmSync(workDirectory, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "::", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runProgram(
  path: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((ended) => {
    const child = spawn(process.execPath, [path, ...args], {
      cwd: workDirectory,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    child.on("close", (code) => ended({ code, stdout, stderr }));
  });
}

describe("The README", () => {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const blocks = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");

  it("has its first code by line 20", () => {
    const lines = text.split("\n");
    expect(lines.indexOf("```js")).toBeGreaterThan(0);
    expect(lines.indexOf("```", lines.indexOf("```js") + 1)).toBeLessThanOrEqual(20);
  });

  for (const [index, code] of blocks.entries()) {
    it(`runs as it stands: block ${index + 1}`, async () => {
      const ports = new Map([
        ["8000", await freePort()],
        ["8001", await freePort()],
      ]);
      // The ports of the text may be in use on the machine that tests it.
      const program = code.replace(/\b800[01]\b/g, (port) => String(ports.get(port)));
      const path = join(programs, `readme-${index}.mjs`);
      writeFileSync(path, program);
      const { code: exit, stdout, stderr } = await runProgram(path);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      for (const [, promised] of code.matchAll(
        /\/\/ (ready|a hello|72\.5|watcher temperature 73\.1)$/gm,
      )) {
        expect(stdout).toContain(promised);
      }
    });
  }

  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path ?? "");

  it("links to files that exist", () => {
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("links to files that are installed with it", () => {
    const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      files: string[];
    };
    expect(links.filter((path) => !files.some((file) => globMatcher(file)(path)))).toEqual([]);
  });
});

describe("docs/testing.md", () => {
  const text = readFileSync(join(root, "docs/testing.md"), "utf8");
  const blocks = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");

  it.each(blocks.map((code, index) => [index + 1, code] as const))(
    "runs as it stands: block %i",
    async (index, program) => {
      const path = join(programs, `testing-${index}.mjs`);
      writeFileSync(path, program);
      const { code, stdout, stderr } = await runProgram(path);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const promised = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)];
      expect(stdout.trim().split("\n")).toEqual(promised.map(([, line]) => line));
    },
  );
});

describe("The examples", () => {
  it("job-workers: every job is done once", async () => {
    const { code, stdout, stderr } = await runProgram(join(root, "examples/job-workers.mjs"));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const done = [...stdout.matchAll(/^job (\d) = (\d+)/gm)].map(([, id, result]) => [id, result]);
    expect(done.sort()).toEqual(
      ["1", "2", "3", "4", "5", "6"].map((n) => [n, String(Number(n) ** 2)]),
    );
  });

  it("temperature-sensor: one sensor shows the other's temperature, and stops at Ctrl-C", async () => {
    const port = await freePort();
    const program = join(root, "examples/temperature-sensor.mjs");
    const start = (...args: string[]) =>
      spawn(process.execPath, [program, ...args], {
        cwd: workDirectory,
        env: { ...process.env, INTERVAL_MS: "50" },
        stdio: ["ignore", "pipe", "inherit"],
      });
    const kitchen = start("kitchen", String(port));
    const seen = (text: string) =>
      new Promise<void>((resolveSeen) =>
        kitchen.stdout.on("data", (chunk) => {
          if (String(chunk).includes(text)) resolveSeen();
        }),
      );
    const sawItself = seen("sensor_kitchen:");
    const sawAttic = seen("sensor_attic:");
    const sawItGo = seen("sensor_attic is gone");
    await sawItself;
    const attic = start("attic", "0", `127.0.0.1:${port}`);
    await sawAttic;
    const ended = (child: typeof kitchen) =>
      new Promise((resolveEnd) => child.on("close", (code) => resolveEnd(code)));
    const atticEnded = ended(attic);
    attic.kill("SIGINT");
    expect(await atticEnded).toBe(0);
    await sawItGo;
    const kitchenEnded = ended(kitchen);
    kitchen.kill("SIGINT");
    expect(await kitchenEnded).toBe(0);
  });
});
