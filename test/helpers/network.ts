/**
 * Networks for tests: nodes of ours in this process and in others, and Python peers, on loopback.
 *
 * `it` hands each test a network of its own and takes it down afterwards, whatever happened.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import type { DSNodeConfigInput } from "../../src/node/config.ts";
import { DSNodeServer, type StartOptions } from "../../src/node/ds-node-server.ts";
import type { DataMessage, StateChange, Warning } from "../../src/node/events.ts";
import type { Settings } from "../../src/protocol/settings.ts";
import {
  type PythonPeer,
  type PythonPeerOptions,
  startPythonPeer,
} from "../interop/python-peer.ts";
import { freePort } from "./ports.ts";
import { type ProcessNode, type ProcessOptions, startProcessNode } from "./process-node.ts";

/** Times of a node in a hurry, for tests that are not about times. */
export const FAST: Partial<Settings> = { tickMs: 500, oneWayMs: 2_000 };

/** A tick of a Python peer that never comes. */
export const NEVER = 100_000;

/** A node and everything that it told. */
export class Observed {
  readonly server: DSNodeServer;
  /** Ids in the order of the events. */
  readonly joins: string[] = [];
  readonly leaves: string[] = [];
  readonly updates: StateChange[] = [];
  readonly data: DataMessage[] = [];
  readonly warnings: Warning[] = [];

  constructor(server: DSNodeServer) {
    this.server = server;
    server.on("peer:join", ({ nodeId }) => this.joins.push(nodeId));
    server.on("peer:leave", ({ nodeId }) => this.leaves.push(nodeId));
    server.on("state:update", (change) => this.updates.push(change));
    server.on("data", (message) => this.data.push(message));
    server.on("warning", (warning) => this.warnings.push(warning));
  }

  get nodeId(): string {
    return this.server.nodeId();
  }

  /** `host:port`, to join through. */
  get address(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** Codes of the warnings told, without those that say it is over. */
  get codes(): string[] {
    return this.warnings.filter(({ resolved }) => !resolved).map(({ error }) => error.code);
  }

  warning(code: string): Warning["error"] | undefined {
    return this.warnings.find(({ error }) => error.code === code)?.error;
  }

  texts(): string[] {
    return this.data.map(({ data }) => Buffer.from(data).toString("utf8"));
  }
}

export type OwnOptions = Omit<StartOptions, "parts"> & {
  readonly settings?: Partial<Settings> | undefined;
  readonly parts?: StartOptions["parts"];
};

export class TestNetwork {
  /** The network key of all nodes that are not told another. `undefined` for none. */
  key: string | undefined = DSNodeServer.generateKey();
  readonly #folder = mkdtempSync(join(tmpdir(), "dsn-test-"));
  readonly #ends: (() => Promise<unknown>)[] = [];
  #folders = 0;

  /** A folder that is removed in the end. */
  folder(): string {
    this.#folders += 1;
    return join(this.#folder, String(this.#folders));
  }

  /** A node of ours in this process. It is observed from before its start. */
  async ours(
    config: DSNodeConfigInput,
    { settings = FAST, parts, ...options }: OwnOptions = {},
  ): Promise<Observed> {
    const port = config.port ?? (await freePort());
    const all = { ...options, parts: { settings, ...parts } };
    const observed = this.unstarted({ ...config, port }, all);
    await observed.server.start();
    return observed;
  }

  /** The same, before its start. */
  unstarted(config: DSNodeConfigInput, options: StartOptions = {}): Observed {
    const server = new DSNodeServer(this.#complete(config), options);
    this.#ends.push(() => server.stop());
    return new Observed(server);
  }

  /** A node of ours in a process of its own. */
  async process(
    config: DSNodeConfigInput,
    { settings = FAST, ...options }: ProcessOptions = {},
  ): Promise<ProcessNode> {
    const port = config.port ?? (await freePort());
    const node = await startProcessNode(this.#complete({ ...config, port }), {
      settings,
      ...options,
    });
    this.#ends.push(() => node.stop());
    return node;
  }

  /** An independent peer in Python; each on an address of its own, with a quick tick. */
  async python(options: PythonPeerOptions): Promise<PythonPeer> {
    const peer = await startPythonPeer({
      tickSeconds: 0.5,
      port: await freePort(options.host),
      ...(this.key === undefined ? {} : { key: this.key }),
      ...options,
    });
    this.#ends.push(() => peer.stop());
    return peer;
  }

  /** What else must end with the network. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.splice(0).map((end) => end()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #complete(config: DSNodeConfigInput): DSNodeConfigInput {
    return {
      bind: "127.0.0.1",
      aesKey: this.key,
      credentialDir: this.folder(),
      ...config,
    };
  }
}

export const it = test.extend<{ net: TestNetwork }>({
  net: async ({ task: _ }, use) => {
    const net = new TestNetwork();
    try {
      await use(net);
    } finally {
      await net.close();
    }
  },
});
