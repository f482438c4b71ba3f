import { describe, expect, it } from "vitest";
import { Output, type OutputOptions } from "../../../src/cli/output.ts";
import { exitCodeOf, toProblem } from "../../../src/cli/problems.ts";
import { DsnError, type DsnErrorCode, ERRORS, ValueTypeError } from "../../../src/errors.ts";
import { DSNodeConfig, type DSNodeConfigInput } from "../../../src/node/config.ts";

function outputs(
  options: OutputOptions = {},
  isTTY = false,
  env: NodeJS.ProcessEnv = {},
  columns = 60,
) {
  const said = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      said[name] += text;
    },
    isTTY,
    columns,
  });
  return { said, output: new Output(options, stream("stdout"), stream("stderr"), env) };
}

const error = new DsnError("DSN_ONE_WAY", '"node-1" cannot call us back', {
  why: "we reach it, but it does not reach us",
  fix: ["open TCP 8000", "set network_ip to an address that it can reach"],
  nodeId: "node-1",
});

describe("Output", () => {
  it("tells an error in three parts, on stderr", () => {
    const { said, output } = outputs();
    output.error(toProblem(error));
    expect(said.stdout).toBe("");
    expect(said.stderr.split("\n")).toEqual([
      '✖ "node-1" cannot call us back  DSN_ONE_WAY',
      "  Why   we reach it, but it does not reach us",
      "  Fix   open TCP 8000",
      "        --advertise an address that it can reach",
      "",
    ]);
  });

  it("puts a warning with a time into the columns of the events", () => {
    const { said, output } = outputs();
    output.warn(toProblem(error), "14:02:11");
    expect(said.stderr.split("\n").slice(0, 2)).toEqual([
      '14:02:11  !       "node-1" cannot call us back  DSN_ONE_WAY',
      "          Why     we reach it, but it does not reach us",
    ]);
  });

  it("breaks long lines on a terminal only, and on one that has a size", () => {
    const long = toProblem(new DsnError("DSN_CONFIG", "word ".repeat(30).trim()));
    const terminal = outputs({ color: false }, true);
    terminal.output.error(long);
    const lines = terminal.said.stderr.split("\n");
    expect(lines.length).toBeGreaterThan(3);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
    const pipe = outputs();
    const unsized = outputs({ color: false }, true, {}, 0);
    for (const { output, said } of [pipe, unsized]) {
      output.error(long);
      expect(said.stderr.split("\n")).toHaveLength(2);
    }
  });

  it("tells an error as JSON with --json; warnings are events then", () => {
    const { said, output } = outputs({ json: true });
    output.warn(toProblem(error));
    output.talk("hello");
    expect(said.stderr).toBe("");
    output.error(toProblem(error));
    expect(JSON.parse(said.stderr)).toEqual({
      schema: "dsn.error/1",
      error: {
        code: "DSN_ONE_WAY",
        message: error.message,
        why: error.why,
        fix: ["open TCP 8000", "--advertise an address that it can reach"],
        node: "node-1",
      },
    });
  });

  it("escapes what an error quotes from a peer", () => {
    const { said, output } = outputs();
    output.error(toProblem(new DsnError("DSN_REFUSED", "it said \u001b[2J", { why: "\r\nfoo" })));
    expect(said.stderr).toContain("\\u{1b}[2J");
    expect(said.stderr).toContain("\\u{d}\\u{a}foo");
  });

  it.each([
    ["on a terminal", {}, true, {}, true],
    ["in a pipe", {}, false, {}, false],
    ["with --no-color", { color: false }, true, {}, false],
    ["with NO_COLOR", {}, true, { NO_COLOR: "1" }, false],
    ["on a dumb terminal", {}, true, { TERM: "dumb" }, false],
  ])("colors %s", (_, options, isTTY, env, colored) => {
    const { said, output } = outputs(options, isTTY, env);
    output.error(toProblem(error));
    expect(said.stderr.includes("\u001b[")).toBe(colored);
    expect(output.paint("red", "x").includes("\u001b[")).toBe(colored);
  });

  it("--quiet silences talk, never errors", () => {
    const { said, output } = outputs({ quiet: true });
    output.talk("hello");
    expect(said.stderr).toBe("");
    output.error(toProblem(error));
    expect(said.stderr).toContain("DSN_ONE_WAY");
  });
});

describe("toProblem()", () => {
  it("gives every code of the library its exit code", () => {
    for (const code of Object.keys(ERRORS) as DsnErrorCode[]) {
      expect(exitCodeOf(toProblem(new DsnError(code, "x")))).toBe(ERRORS[code].exit);
    }
    expect(exitCodeOf(toProblem(new ValueTypeError("x")))).toBe(2);
    expect(exitCodeOf(toProblem(new DsnError("DSN_FILE_EXISTS", "x")))).toBe(8);
  });

  it.each<[DsnErrorCode, string, string]>([
    ["DSN_CONFIG", "leave udp out", "leave --no-udp out"],
    ["DSN_CONFIG", "or leave thread out", "or leave --thread out"],
    ["DSN_UDP_BLOCKED", "or turn datagrams off: udp: false", "or turn datagrams off: --no-udp"],
    ["DSN_PEER_CACHE", "or turn it off: peerCache: false", "or turn it off: --no-peer-cache"],
    ["DSN_NOT_WHITELISTED", 'add "b" to whitelist_node_ids', 'add "b" to those of --allow'],
    ["DSN_ONE_WAY", "set network_ip to an address", "--advertise an address"],
    [
      "DSN_PEER_IDENTITY_CHANGED",
      "if that machine was reinstalled: forgetIdentity() here",
      "if that machine was reinstalled: stop this node, delete $&.pub where its keys are (--credential-dir), start it again",
    ],
    [
      "DSN_NATIVE_DOWNGRADE",
      "forgetIdentity() here",
      "stop this node, delete $&.pub and the line of $& in the .natives file where its keys are (--credential-dir), start it again",
    ],
  ])("%s: %j is what one types", (code, fix, typed) => {
    expect(toProblem(new DsnError(code, "x", { fix: [fix], nodeId: "$&" })).fix).toEqual([typed]);
  });

  it("names settings as one types them", () => {
    const config = (input: Partial<DSNodeConfigInput>) => {
      try {
        return new DSNodeConfig({ nodeId: "a", ...input });
      } catch (error) {
        return toProblem(error);
      }
    };
    expect(config({ credentialDir: "" })).toMatchObject({
      message: 'Cannot use --credential-dir "": must not be empty',
      fix: ["set --credential-dir to a value that fits"],
    });
    expect(config({ thread: true, udp: false })).toMatchObject({
      message: "Cannot use --thread together with --no-udp",
      fix: ["leave --no-udp out", "or leave --thread out"],
    });
  });

  it("keeps the cause where it is one of ours", () => {
    const cause = new DsnError("DSN_KEY_REFUSED", "refused");
    const problem = toProblem(new DsnError("DSN_NO_BOOTSTRAP", "not joined", { cause }));
    expect(problem.cause?.code).toBe("DSN_KEY_REFUSED");
    expect(toProblem(new DsnError("DSN_CONFIG", "x", { cause: new Error("y") })).cause).toBe(
      undefined,
    );
  });

  it.each([[new Error("boom")], ["boom"]])("says of %s that it should not happen", (thrown) => {
    const problem = toProblem(thrown);
    expect(problem).toMatchObject({
      code: "DSN_UNEXPECTED",
      message: expect.stringContaining("boom"),
    });
    expect(exitCodeOf(problem)).toBe(1);
    expect(problem.fix).not.toEqual([]);
  });
});
