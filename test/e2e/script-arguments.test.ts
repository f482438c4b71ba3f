import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { endAll, ROOT, Running } from "./cli-process.ts";

afterEach(endAll);

const script = (name: string, ...args: readonly string[]) =>
  new Running(join(ROOT, `scripts/${name}.mjs`), args, {}).ended;

describe.each(["start", "bench", "soak", "simulate"])("scripts/%s.mjs", (name) => {
  it("--help says what can be typed, and does nothing else", async () => {
    const { code, stdout, stderr } = await script(name, "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^npm (?:start|run) .*--nodes/s);
  });

  it.each([
    ["--nodse", "Unknown option '--nodse'"],
    ["--nodes=some", '--nodes is "some", not '],
    ["--nodes=", '--nodes is "", not '],
    ["--nodes", "Option '--nodes <value>' argument missing"],
    ["extra", "Unexpected argument 'extra'"],
  ])("%s exits 2 and says what cannot be done, why, and what can", async (argument, why) => {
    const { code, stdout, stderr } = await script(name, argument);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const [what = "", fix = ""] = stderr.split("\n");
    expect(what).toMatch(/^✖ Cannot (?:start the demo|measure|soak|simulate): /);
    expect(what).toContain(why);
    expect(fix).toMatch(/^ {2}Fix {3}npm /);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
