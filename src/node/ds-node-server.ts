/**
 * The public face of a node.
 *
 * The names are the reference's, in camelCase; the order of arguments is the reference's too.
 * @module
 */
import type { Server } from "node:http";
import { generateNetworkKey } from "../crypto/network-key.ts";
import { buildParts } from "./build-parts.ts";
import { DSNodeConfig, type DSNodeConfigInput } from "./config.ts";
import { DSNode } from "./ds-node.ts";
import type { DSNodeParts } from "./ds-node-parts.ts";
import { Endpoint } from "./endpoint.ts";
import type {
  DisconnectCallback,
  NodeCallbacks,
  ReceiveCallback,
  UpdateCallback,
} from "./node-callbacks.ts";
import { NodeFace } from "./node-face.ts";
import { checkEntry } from "./values.ts";

/**
 * What {@link DSNodeServer.start} takes besides the configuration.
 *
 * @example
 * await DSNodeServer.start(config, { state: { status: "idle" }, signal: stopping.signal });
 */
export interface StartOptions extends NodeCallbacks {
  /** State to begin with, so that nobody sees the node without it. */
  readonly state?: Readonly<Record<string, string>> | undefined;
  /** Aborting stops the node. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces sockets, disk, clock or the times of the protocol: for tests and for embedding. */
  readonly parts?: Partial<DSNodeParts> | undefined;
}

/**
 * A node of a Distributed State Network: it owns a small map of strings, and holds a live copy of
 * everybody else's.
 *
 * Most programs need only this class. Every method that writes, sends, reads or waits throws
 * {@link DsnError} with the code `DSN_STOPPED` on a node that has not started; once stopped, what
 * it held can still be read.
 *
 * @example
 * const node = await DSNodeServer.start({ nodeId: "worker-1", port: 8001, bootstrapNodes: ["10.0.0.5:8000"] });
 * node.updateData("status", "idle");
 * node.readData("worker-2", "status");
 */
export class DSNodeServer extends NodeFace implements AsyncDisposable {
  /** What it was made with, every default filled in. */
  readonly config: DSNodeConfig;
  /** The part that runs the protocol core on sockets and timers; for diagnosis and embedding. */
  override readonly node: DSNode;
  /** The server that peers call; undefined for a node on another carrier than HTTP. */
  readonly httpServer: Server | undefined;
  #running = false;
  #starting: Promise<void> | undefined;
  readonly #initialState: ReadonlyMap<string, string>;
  readonly #signal: AbortSignal | undefined;

  /**
   * Prepares a node; `DSNodeServer.start()` also starts it, which is what most programs want.
   * With the constructor, listeners can be added before anything happens.
   *
   * @param config Its name, port, network key and whom to join.
   * @param disconnectCallback Called with each peer that is gone; or an options object instead of
   *   all three.
   * @param updateCallback Called with each change of another node's state.
   * @param receiveCallback Called with the bytes that a node sent, and its id.
   * @throws {DsnError} `DSN_CONFIG`, `DSN_KEY_FORMAT`.
   * @throws {ValueTypeError} when the state to begin with holds something else than strings.
   *
   * @example
   * const node = new DSNodeServer({ nodeId: "a" });
   * node.on("warning", ({ error }) => console.error(error.code, error.message));
   * await node.start();
   */
  constructor(
    config: DSNodeConfig | DSNodeConfigInput,
    disconnectCallback?: DisconnectCallback | StartOptions | null,
    updateCallback?: UpdateCallback | null,
    receiveCallback?: ReceiveCallback | null,
  ) {
    super();
    const options: StartOptions =
      typeof disconnectCallback === "object" && disconnectCallback !== null
        ? disconnectCallback
        : {
            disconnect: disconnectCallback ?? undefined,
            update: updateCallback ?? undefined,
            receive: receiveCallback ?? undefined,
          };
    this.config = config instanceof DSNodeConfig ? config : new DSNodeConfig(config);
    const { parts, httpServer } = buildParts(this.config, options.parts ?? {}, {
      onDatagrams: (to, pass) => this.node.noteDatagrams(to, pass),
      onUnavailable: (error) => this.node.warn(error),
      onWorkerLost: (error) => this.node.warn(error),
    });
    this.httpServer = httpServer;
    this.node = new DSNode(this.config, parts);
    this.#initialState = checkedState(options.state ?? {});
    this.connectCallbacks(options);
    this.#signal = options.signal;
  }

  /**
   * Starts a node: binds its port, loads or makes its identity, and tries to join.
   *
   * Resolves when the port is bound and every bootstrap node has been tried once, *joined or not*,
   * as in the reference; after 10 s at the latest. Joining goes on for ever; {@link waitForPeers}
   * waits for it.
   *
   * @param config Its name, port, network key and whom to join.
   * @param disconnectCallback Called with each peer that is gone; or an options object instead of
   *   all three.
   * @param updateCallback Called with each change of another node's state.
   * @param receiveCallback Called with the bytes that a node sent, and its id.
   * @throws {DsnError} `DSN_CONFIG`, `DSN_KEY_FORMAT`, `DSN_PORT_IN_USE`, `DSN_CANNOT_LISTEN`,
   *   `DSN_STATE_TOO_LARGE`, `DSN_IDENTITY_UNREADABLE`; the reason of the signal when that aborts.
   *   Nothing is left running then.
   * @throws {ValueTypeError} when the state to begin with holds something else than strings.
   *
   * @example
   * const node = await DSNodeServer.start(
   *   { nodeId: "worker-1", port: 8001, aesKey, bootstrapNodes: ["10.0.0.5:8000"] },
   *   { state: { status: "idle" }, receive: (data, from) => console.log(from, data.length) },
   * );
   */
  static async start(
    config: DSNodeConfig | DSNodeConfigInput,
    disconnectCallback?: DisconnectCallback | StartOptions | null,
    updateCallback?: UpdateCallback | null,
    receiveCallback?: ReceiveCallback | null,
  ): Promise<DSNodeServer> {
    const server = new DSNodeServer(config, disconnectCallback, updateCallback, receiveCallback);
    await server.start();
    return server;
  }

  /**
   * A new network key, 32 hex digits. All nodes of a network share one; who has it is a member and
   * reads everything. Keep it in a file with mode 0600, never in a command line.
   */
  static generateKey(): string {
    return generateNetworkKey();
  }

  /**
   * Starts a node made with the constructor. Calling it again returns the same promise.
   *
   * @throws {DsnError} as `DSNodeServer.start()`.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const signal = this.#signal;
    const abort = () => void this.stop();
    this.on("close", () => signal?.removeEventListener("abort", abort));
    signal?.addEventListener("abort", abort, { once: true });
    try {
      signal?.throwIfAborted();
      await this.node.start(this.#initialState);
    } catch (error) {
      // One that was stopped before has told its end already.
      signal?.removeEventListener("abort", abort);
      await this.node.stop();
      signal?.throwIfAborted();
      throw error;
    }
    this.#running = true;
  }

  /**
   * Stops the node and frees port, timers and files. Safe to call twice, and during the start.
   * Its state and its copies stay readable; nothing is sent any more. It cannot start again.
   *
   * What was written is sent before, and all nodes with a session are told goodbye: for them this
   * node has `left` at once. That takes half a second at most. Python peers notice by themselves.
   */
  async stop(): Promise<void> {
    this.#running = false;
    await this.node.stop();
    // A start that is under way ends at once; its error, if any, belongs to who started it.
    await this.#starting?.catch(() => undefined);
  }

  /** {@link stop}, at the end of a block: `await using node = await DSNodeServer.start(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** True from the end of the start to the stop. */
  get running(): boolean {
    return this.#running && !this.node.stopped;
  }

  /** True once the node has been stopped, or has failed to start. */
  isShutDown(): boolean {
    return this.node.stopped;
  }

  /** The name of this node. */
  override nodeId(): string {
    return this.config.nodeId;
  }

  /** The port that the node really listens on; `config.port` may be 0, and is given before the start. */
  get port(): number {
    return this.node.bound?.port ?? this.config.port;
  }

  /**
   * Of this node's identity, `SHA256:…`: what others compare, and write into whitelists. Undefined
   * before the start.
   */
  get fingerprint(): string | undefined {
    return this.node.fingerprint;
  }

  /** First 8 hex digits of a hash of the network key: safe to show; undefined without a key. */
  get keyId(): string | undefined {
    return this.node.keyId;
  }

  /**
   * Where peers are told to call this node, and the IP address that they saw it call from; each
   * undefined while nothing is known.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  addresses(): {
    readonly advertised: Endpoint | undefined;
    readonly observed: string | undefined;
  } {
    const { advertised, observed } = this.node.core.self;
    const { address, port } = advertised;
    return { advertised: address === "" ? undefined : new Endpoint(address, port), observed };
  }
}

function checkedState(state: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const entries = Object.entries(state);
  for (const [key, value] of entries) checkEntry(key, value);
  return new Map(entries);
}
