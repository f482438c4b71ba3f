import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { keyId } from "../../../src/cli/key-file.ts";
import { Output } from "../../../src/cli/output.ts";
import { stopOnSignals } from "../../../src/cli/signals.ts";
import { defaultCredentialDir, defaultId } from "../../../src/cli/start-options.ts";
import { connect, HumanReport, JsonReport } from "../../../src/cli/start-report.ts";
import { PROTOCOL, packageVersion } from "../../../src/cli/version.ts";
import { networkKeyId, parseNetworkKey } from "../../../src/crypto/network-key.ts";
import { Endpoint } from "../../../src/node/endpoint.ts";
import { PROTOCOL_VERSION } from "../../../src/wire/message-type.ts";
import { isOwnNodeId } from "../../../src/wire/node-id.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("What the command line says of the library", () => {
  it("is what the library says of itself", () => {
    const key = "00112233445566778899aabbccddeeff";
    expect(keyId(key)).toBe(networkKeyId(parseNetworkKey(key)));
    expect(PROTOCOL).toBe(PROTOCOL_VERSION);
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe("defaultId()", () => {
  it.each([
    ["Pi-4.local", "pi-4.local"],
    ["Søren's Laptop", "s-ren-s-laptop"],
    ["...", "node"],
    ["", "node"],
    ["温度", "node"],
    ["x".repeat(200), "x".repeat(64)],
  ])("makes of the host name %j the id %s", (host, id) => {
    expect(defaultId(host)).toBe(id);
    expect(isOwnNodeId(id)).toBe(true);
  });
});

describe("defaultCredentialDir()", () => {
  it("follows XDG_STATE_HOME", () => {
    expect(defaultCredentialDir({ XDG_STATE_HOME: "/s" })).toMatch(/^.s.dsn.credentials$/);
    expect(defaultCredentialDir({})).toMatch(/\.local.state.dsn.credentials$/);
  });
});

describe("HumanReport", () => {
  function report() {
    const lines: string[] = [];
    const write = (text: string) => lines.push(...text.split("\n").slice(0, -1));
    const output = new Output({}, { write }, { write }, {});
    return { lines, human: new HumanReport(output, () => new Date(2026, 0, 1, 14, 2, 11)) };
  }
  const change = {
    nodeId: "node-2",
    added: [],
    updated: [],
    removed: [],
    current: {},
    previous: {},
    updatedAt: new Date(0),
    local: false,
  };

  it("shows old and new values", () => {
    const { lines, human } = report();
    human.changed({
      ...change,
      added: ["mode"],
      updated: ["temperature"],
      removed: ["load"],
      current: { mode: "eco", temperature: "73.1" },
      previous: { temperature: "72.5", load: "3" },
    });
    expect(lines).toEqual([
      "14:02:11  set     node-2  mode  (new) -> eco",
      "14:02:11  set     node-2  temperature  72.5 -> 73.1",
      "14:02:11  delete  node-2  load  3 -> (deleted)",
    ]);
  });

  it("gives a change of very many keys a few lines", () => {
    const { lines, human } = report();
    const added = Array.from({ length: 5_000 }, (_, index) => `key-${index}`);
    human.changed({
      ...change,
      added,
      current: Object.fromEntries(added.map((key) => [key, "1"])),
    });
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe("14:02:11  set     node-2  … and 4980 more keys");
  });

  it("shows messages as text where they are text", () => {
    const { lines, human } = report();
    human.received({ from: "node-2", data: new TextEncoder().encode("hello there") });
    human.received({ from: "node-2", data: new Uint8Array([0xff, 0x00]) });
    human.received({ from: "node-2", data: new Uint8Array(100).fill(0xfe) });
    expect(lines).toEqual([
      "14:02:11  data    node-2  11 bytes  hello there",
      "14:02:11  data    node-2  2 bytes  ff 00",
      `14:02:11  data    node-2  100 bytes  ${"fe ".repeat(24)}…`,
    ]);
  });

  it("shows long text as text, though it is cut within a character", () => {
    const { lines, human } = report();
    human.received({ from: "node-2", data: Buffer.from(`a${"é".repeat(2_100)}`) });
    human.received({ from: "node-2", data: Buffer.from(`a${"é".repeat(2_047)}\xc3`, "latin1") });
    expect(lines[0]).toMatch(/4201 bytes {2}aééé/);
    expect(lines[1]).toMatch(/ {2}61 e9 e9/);
  });
});

describe("A peer whose program is busy", () => {
  const endpoint = new Endpoint("10.0.0.2", 8_000);

  /** What both reports say of a peer that goes through these. */
  function told(...steps: readonly (readonly [before: string, status: string, busyMs?: number])[]) {
    const written = { lines: "", json: "" };
    const outputOf = (name: keyof typeof written) => {
      const write = (text: string) => {
        written[name] += text;
      };
      return new Output({}, { write }, { write }, {});
    };
    const node = new EventEmitter();
    const server = {
      on: (name: string, listener: (event: unknown) => void) => node.on(name, listener),
      remotePeers: () => [],
    } as unknown as Parameters<typeof connect>[0];
    const clock = () => new Date(Date.UTC(2026, 0, 1, 14, 2, 11));
    connect(server, new HumanReport(outputOf("lines"), clock));
    connect(server, new JsonReport(outputOf("json"), clock));
    for (const [before, status, busyMs] of steps) {
      const peer = { nodeId: "node-2", endpoint, fingerprint: "ab", before, status, busyMs };
      node.emit("peer:status", peer);
      if (status === "down") node.emit("peer:leave", peer);
    }
    const split = (text: string) => text.split("\n").slice(0, -1);
    const lines = split(written.lines).map((line) => line.slice("14:02:11  ".length));
    return { lines, json: split(written.json).map((line) => JSON.parse(line) as unknown) };
  }
  const BEGINS =
    "busy    node-2  its program has answered nothing for 1.6 s; it lives, a worker says";
  const ENDS = "busy    node-2  answers itself again";

  it("is told when it begins and when it ends", () => {
    const { lines, json } = told(["alive", "busy", 1_640], ["busy", "alive"]);
    expect(lines).toEqual([BEGINS, ENDS]);
    const common = {
      type: "peer:status",
      at: "2026-01-01T14:02:11.000Z",
      node: "node-2",
      endpoint: "10.0.0.2:8000",
      fingerprint: "ab",
    };
    expect(json).toEqual([
      { ...common, status: "busy", before: "alive", busyMs: 1_640 },
      { ...common, status: "alive", before: "busy" },
    ]);
  });

  it("is told once though it is suspected meanwhile, and so is its end", () => {
    const steps = [
      ["alive", "busy", 1_640],
      ["busy", "suspect"],
      ["suspect", "busy", 9_000],
      ["busy", "suspect"],
      ["suspect", "alive"],
    ] as const;
    expect(told(...steps).lines).toEqual([BEGINS, ENDS]);
  });

  it("that leaves is busy no more, and one that was only suspected is not told of", () => {
    const steps = [
      ["alive", "busy", 1_640],
      ["busy", "down"],
      ["down", "alive"],
      ["alive", "suspect"],
      ["suspect", "alive"],
    ] as const;
    expect(told(...steps).lines).toEqual([BEGINS, "leave   node-2"]);
  });
});

describe("stopOnSignals()", () => {
  it("stops at the first signal and ends the process at the second", () => {
    const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as never);
    const stop = vi.fn();
    const undo = stopOnSignals(stop);
    process.emit("SIGINT");
    expect(stop).toHaveBeenCalledOnce();
    expect(exit).not.toHaveBeenCalled();
    process.emit("SIGTERM");
    expect(stop).toHaveBeenCalledOnce();
    expect(exit).toHaveBeenCalledWith(130);
    undo();
  });
});
