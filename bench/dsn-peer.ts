/**
 * A node as a program would run it: network key, loopback, identity on disk.
 * @module
 */
import { DSNodeServer } from "distributed-state-network";
import type { Setup, StateShape } from "./commands.ts";
import { FIRST_VALUE, type OpenPeer, type Peer, type PeerListener } from "./peer.ts";

const KEY = "value";
const JOIN_TIMEOUT_MS = 60_000;
const NAME = "node-";

export async function openDsnPeer(
  setup: Setup,
  { onValue, onGone }: PeerListener,
): Promise<OpenPeer> {
  const { index, networkKey, directory, firstPort, port, state, udp } = setup;
  const node = await DSNodeServer.start(
    {
      nodeId: nodeIdOf(index),
      networkIp: "127.0.0.1",
      port,
      aesKey: networkKey,
      credentialDir: directory,
      bootstrapNodes: firstPort === undefined ? [] : [`127.0.0.1:${firstPort}`],
      udp,
    },
    {
      state: stateOf(state),
      disconnect: ({ nodeId }) => onGone(indexOf(nodeId)),
      update: ({ nodeId, current }) => {
        const value = current[KEY];
        if (value !== undefined) onValue(indexOf(nodeId), value);
      },
      receive: () => undefined,
    },
  );
  return { peer: new DsnPeer(node, index, state.bytes), port: node.port };
}

class DsnPeer implements Peer {
  readonly #node: DSNodeServer;
  readonly #index: number;
  readonly #valueBytes: number;

  constructor(node: DSNodeServer, index: number, valueBytes: number) {
    this.#node = node;
    this.#index = index;
    this.#valueBytes = valueBytes;
  }

  write(value: string): void {
    this.#node.updateData(KEY, value.padStart(this.#valueBytes, "0"));
  }

  read(index: number): string | undefined {
    return this.#node.readData(nodeIdOf(index), KEY);
  }

  send(to: number, data: Uint8Array): Promise<void> {
    return this.#node.sendToNode(nodeIdOf(to), data);
  }

  async connect(ports: readonly number[]): Promise<void> {
    const others = [...ports.keys()].filter((index) => index !== this.#index);
    await Promise.all(others.map((index) => this.waitForBack(index)));
  }

  /** The first state comes as a whole: who reads one key of it can read all. */
  async waitForBack(index: number): Promise<void> {
    await this.#node.waitForKey(nodeIdOf(index), KEY, undefined, { timeout: JOIN_TIMEOUT_MS });
  }

  close(): Promise<void> {
    return this.#node.stop();
  }
}

function stateOf({ keys, bytes }: StateShape): Record<string, string> {
  const state: Record<string, string> = { [KEY]: FIRST_VALUE.padStart(bytes, "0") };
  for (let key = 1; key < keys; key += 1) state[`key-${key}`] = "x".repeat(bytes);
  return state;
}

function nodeIdOf(index: number): string {
  return `${NAME}${index}`;
}

function indexOf(nodeId: string): number {
  return Number(nodeId.slice(NAME.length));
}
