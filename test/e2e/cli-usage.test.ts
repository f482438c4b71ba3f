import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { dsnToEnd, endAll, requireBuild } from "./cli-process.ts";

beforeAll(requireBuild);
afterEach(endAll);

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
      "--bootstrap": "--join",
      "--bootstrap-nodes": "--join",
      "--peer": "--join",
      "--node-id": "--id",
      "--whitelist": "--allow",
      "--host": "--bind",
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
