/**
 * What a node offers its program, whatever it runs on: sockets, or a simulated network.
 *
 * The names are the reference's, in camelCase; the order of arguments is the reference's too.
 * @module
 */
import type { Listener } from "./emitter.ts";
import { type DataMessage, type DSNodeEvents, type State, toState } from "./events.ts";
import { globMatcher } from "./glob.ts";
import type { NodeBody } from "./node-body.ts";
import {
  CallbackSlot,
  type DisconnectCallback,
  type NodeCallbacks,
  type ReceiveCallback,
  type UpdateCallback,
} from "./node-callbacks.ts";
import { keyIsThere, peersAreThere } from "./node-conditions.ts";
import type { PeerInfo } from "./peer-info.ts";
import { type SendResult, sendBytes, sendToEach } from "./sending.ts";
import { checkEntry, toBytes } from "./values.ts";
import { abortable, type WaitOptions, waitFor } from "./waiting.ts";
import { type WatchEvent, type WatchOptions, watch } from "./watch.ts";

/**
 * All that a program does with a node that runs: write, read, send, watch, wait.
 *
 * {@link DSNodeServer} is one on real sockets, `TestNode` of `distributed-state-network/testing` one
 * on a simulated network. A program that takes a `NodeFace` runs on either.
 *
 * @example
 * function runWorker(node: NodeFace): void {
 *   node.updateData("status", "idle");
 *   node.on("data", ({ from, data }) => console.log(from, data.length));
 * }
 */
export abstract class NodeFace {
  /** The part that runs the protocol core; for diagnosis and embedding. */
  abstract readonly node: NodeBody;
  readonly #disconnect = new CallbackSlot("peer:leave");
  readonly #update = new CallbackSlot("state:update");
  readonly #receive = new CallbackSlot("data");

  /** The name of this node. */
  abstract nodeId(): string;

  // ---- own state ------------------------------------------------------------------------------

  /**
   * Sets a key of this node's state and sends it to all peers.
   *
   * It is visible here at once and does not wait for anybody. Writes of one callback travel together,
   * and one turn of the event loop makes two versions at most. A peer that is down gets the newest
   * state when it is back.
   *
   * @param key At most 1,024 bytes of UTF-8.
   * @param value The whole state has at most 8 MiB as JSON, and every node holds a copy: keep it
   *   small. Only what changed travels, except to Python peers, who are sent all of it.
   * @throws {ValueTypeError} when key or value is not a string; the state is then as it was.
   * @throws {DsnError} `DSN_STATE_TOO_LARGE`, `DSN_STOPPED`; likewise.
   */
  updateData(key: string, value: string): void {
    checkEntry(key, value);
    this.node.write(new Map([[key, value]]));
  }

  /**
   * Sets and deletes several keys in one version: all or nothing.
   *
   * @param changes `undefined` deletes a key.
   * @throws {ValueTypeError} when a value is not a string; the state is then as it was.
   * @throws {DsnError} `DSN_STATE_TOO_LARGE`, `DSN_STOPPED`; likewise.
   *
   * @example
   * node.updateMany({ temperature: "72.5", unit: "F", error: undefined });
   */
  updateMany(changes: Readonly<Record<string, string | undefined>>): void {
    const checked = new Map<string, string | undefined>();
    for (const [key, value] of Object.entries(changes)) {
      if (value !== undefined) checkEntry(key, value);
      checked.set(key, value);
    }
    this.node.write(checked);
  }

  /**
   * Deletes a key of this node's state. Python peers see the removal too.
   *
   * @returns Whether the key was there.
   * @throws {ValueTypeError} when the key is not a string.
   * @throws {DsnError} `DSN_STOPPED`.
   */
  deleteKey(key: string): boolean {
    checkEntry(key, "");
    const there = this.readData(this.nodeId(), key) !== undefined;
    this.node.write(new Map([[key, undefined]]));
    return there;
  }

  // ---- reading --------------------------------------------------------------------------------

  /**
   * The value of a key in this node's copy of a node's state. Asks nobody, never waits.
   *
   * A node that is gone is unknown until it is back. Values are what their owner wrote: check them
   * before you trust or print them.
   *
   * @returns `undefined` for an unknown key *or node*; the reference raises for the latter.
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  readData(nodeId: string, key: string): string | undefined {
    return this.node.core.entriesOf(nodeId)?.get(key);
  }

  /**
   * All entries of one node, as a frozen object of this moment.
   *
   * @param nodeId This node by default.
   * @returns `undefined` for an unknown node.
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  getAll(nodeId: string = this.nodeId()): State | undefined {
    const entries = this.node.core.entriesOf(nodeId);
    return entries === undefined ? undefined : toState(entries);
  }

  /**
   * Everything this node knows, of one moment: node id → its state. This node is in it.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  snapshot(): Readonly<Record<string, State>> {
    const snapshot: Record<string, State> = Object.create(null);
    for (const nodeId of this.peers()) snapshot[nodeId] = this.getAll(nodeId) ?? {};
    return Object.freeze(snapshot);
  }

  /**
   * `[nodeId, key, value]` of all entries, or of those that match: of each node what is there when
   * its turn comes, whatever is written while they are read.
   *
   * @param filter `*` stands for any text, in node ids and in keys.
   * @throws {DsnError} `DSN_STOPPED` before the start.
   *
   * @example
   * for (const [nodeId, , value] of node.entries({ node: "sensor_*", key: "temperature" }))
   *   console.log(nodeId, value);
   */
  *entries(
    filter: { readonly node?: string; readonly key?: string } = {},
  ): IterableIterator<[nodeId: string, key: string, value: string]> {
    const wantsNode = globMatcher(filter.node);
    const wantsKey = globMatcher(filter.key);
    for (const nodeId of this.peers()) {
      if (!wantsNode(nodeId)) continue;
      // Whoever reads may write meanwhile.
      for (const [key, value] of [...(this.node.core.entriesOf(nodeId) ?? [])]) {
        if (wantsKey(key)) yield [nodeId, key, value];
      }
    }
  }

  // ---- peers ----------------------------------------------------------------------------------

  /**
   * Ids of all nodes that are there, *this one included*, as in the reference; itself first.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  peers(): string[] {
    return [this.nodeId(), ...this.remotePeers()];
  }

  /**
   * Ids of all other nodes that are there.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start.
   */
  remotePeers(): string[] {
    return this.node.core.presentIds();
  }

  /**
   * What is known of every other node, those that are gone or not let in included: the place to
   * look when somebody is missing.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start.
   *
   * @example
   * for (const { nodeId, status, reason } of node.peerInfo())
   *   console.log(nodeId, status, reason?.message ?? "");
   */
  peerInfo(): PeerInfo[];
  /** What is known of one other node; undefined if it was never met. */
  peerInfo(nodeId: string): PeerInfo | undefined;
  peerInfo(nodeId?: string): PeerInfo[] | PeerInfo | undefined {
    const all = this.node.peerInfo();
    return nodeId === undefined ? all : all.find((peer) => peer.nodeId === nodeId);
  }

  /**
   * Forgets the pinned key of a node, so that it can come back with another: after it has been
   * reinstalled. Until then the changed identity is refused (`DSN_PEER_IDENTITY_CHANGED`).
   *
   * It is forgotten here only. The next key that claims the id is believed: do it when you know
   * that the node is coming.
   *
   * @throws {DsnError} `DSN_STOPPED`.
   */
  forgetIdentity(nodeId: string): void {
    this.node.forgetIdentity(nodeId);
  }

  // ---- messages -------------------------------------------------------------------------------

  /**
   * Sends bytes to one node. Resolves when that node has taken them; they are delivered at most
   * once, not stored, and in no promised order. Of what a node has not taken yet, about 8 MiB of
   * small messages and 128 MiB of large ones are on their way; what is more waits here for room, and
   * is rejected with `DSN_UNREACHABLE` when its time is over.
   *
   * @param nodeId A node that is there; this node may send to itself.
   * @param data Text is sent as UTF-8. At most 64 MiB. Up to 1 MiB of bytes is copied at once; what
   *   is larger is not, and must not change before this resolves or rejects.
   * @param options `timeout` in milliseconds for all of it, 0 for no limit; by default what the size
   *   needs, and at least 10 s. Aborting rejects with the signal's reason; what is under way may
   *   arrive nevertheless.
   * @throws {DsnError} `DSN_UNKNOWN_NODE`, `DSN_UNREACHABLE`, `DSN_DELIVERY_UNKNOWN` when it may or
   *   may not have arrived, `DSN_MESSAGE_TOO_LARGE`, `DSN_DATA_AMBIGUOUS`, `DSN_STOPPED`; or why
   *   that node refuses us, such as `DSN_ONE_WAY`.
   * @throws {ValueTypeError} for anything but text and bytes.
   */
  async sendToNode(
    nodeId: string,
    data: string | Uint8Array,
    options: WaitOptions = {},
  ): Promise<void> {
    await sendBytes(this.node, nodeId, data, options);
  }

  /**
   * Sends bytes to all other nodes that are there, or to those named. Resolves when each of them
   * has taken the bytes, or has failed to: one result for each, none is thrown.
   *
   * @param options As of {@link sendToNode}, for each receiver; `to` names the receivers. Aborting
   *   rejects with the signal's reason.
   * @throws {ValueTypeError} for anything but text and bytes.
   *
   * @example
   * for (const [nodeId, result] of await node.broadcast("hello"))
   *   if (!result.ok) console.log(nodeId, result.error.message);
   */
  async broadcast(
    data: string | Uint8Array,
    options: WaitOptions & { readonly to?: readonly string[] | undefined } = {},
  ): Promise<Map<string, SendResult>> {
    const bytes = toBytes(data);
    const { signal, timeout, to = this.remotePeers() } = options;
    signal?.throwIfAborted();
    const sent = sendToEach(to, (nodeId) => this.sendToNode(nodeId, bytes, { timeout }));
    // One listener for all receivers: more than ten on a signal are taken for a leak.
    return await (signal === undefined ? sent : abortable(sent, signal));
  }

  /** Replaces the callback for bytes that nodes send; `undefined` removes it. */
  setReceiveCb(callback: ReceiveCallback | null | undefined): void {
    const listener = callback && (({ data, from }: DataMessage) => callback(data, from));
    this.#receive.set(this.node.events, listener ?? undefined);
  }

  /** Replaces the callback for changes of other nodes' states; `undefined` removes it. */
  setUpdateCb(callback: UpdateCallback | null | undefined): void {
    this.#update.set(this.node.events, callback ?? undefined);
  }

  /** Replaces the callback for peers that are gone; `undefined` removes it. */
  setDisconnectCb(callback: DisconnectCallback | null | undefined): void {
    this.#disconnect.set(this.node.events, callback ?? undefined);
  }

  // ---- watching and waiting -------------------------------------------------------------------

  /**
   * Calls `listener` at each event of that name, until the function that this returns is called.
   *
   * Listeners are called after what they are told of has happened, in the order in which they were
   * added. What one throws becomes a warning and harms none of the others. As with `EventEmitter`,
   * an event that is being told still reaches a listener that another one has just removed.
   *
   * @param event See {@link DSNodeEvents}.
   * @returns The undo.
   *
   * @example
   * const stopListening = node.on("peer:join", ({ nodeId }) => console.log(nodeId, "is here"));
   */
  on<Name extends keyof DSNodeEvents>(
    event: Name,
    listener: Listener<DSNodeEvents[Name]>,
  ): () => void {
    return this.node.events.on(event, listener);
  }

  /**
   * Changes as they come, after what is there already. Ends when the node stops, the signal aborts
   * or the loop is left. A slow reader gets the newest value of each key, never a growing queue:
   * see `highWaterMark`.
   *
   * The entries of a node that leaves do not come as deletions: see the event `peer:leave`.
   *
   * @throws {DsnError} `DSN_STOPPED` before the start, when what is there is asked for.
   *
   * @example
   * for await (const { nodeId, value } of node.watch({ key: "temperature" })) console.log(nodeId, value);
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<WatchEvent> {
    const present = () => Object.entries(this.snapshot());
    const changes = watch(this.node.events, present, this.node.eventsFromNow(), options);
    if (this.node.stopped) changes.end();
    return changes;
  }

  /**
   * Resolves when that many other nodes, or all those named, are there; at once if they are.
   *
   * @param wanted How many other nodes, or the ids of all that are needed; this node is there.
   * @param options `timeout` in milliseconds, by default 30,000, 0 for no limit; and a signal.
   * @returns All other nodes that are there then.
   * @throws {DsnError} `DSN_TIMEOUT` after 30 s, or `timeout` ms; `DSN_STOPPED`.
   */
  waitForPeers(wanted: number | readonly string[], options?: WaitOptions): Promise<PeerInfo[]> {
    return waitFor(peersAreThere(this, wanted), options);
  }

  /**
   * Resolves with the value of a key as soon as it is there and `accept` likes it; the node need
   * not have joined yet.
   *
   * @param accept Called with each value; by default any will do. What it throws, this rejects with.
   * @param options `timeout` in milliseconds, by default 30,000, 0 for no limit; and a signal.
   * @throws {DsnError} `DSN_TIMEOUT` after 30 s, or `timeout` ms; `DSN_STOPPED`.
   */
  waitForKey(
    nodeId: string,
    key: string,
    accept: (value: string) => boolean = () => true,
    options?: WaitOptions,
  ): Promise<string> {
    return waitFor(keyIsThere(this, nodeId, key, accept), options);
  }

  /** Once {@link node} is there. */
  protected connectCallbacks({ disconnect, update, receive }: NodeCallbacks): void {
    this.setDisconnectCb(disconnect);
    this.setUpdateCb(update);
    this.setReceiveCb(receive);
  }
}
