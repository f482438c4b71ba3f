/**
 * A node as a program would run it: network key, HTTP on loopback, identity on disk.
 * @module
 */
import { DSNodeServer } from "distributed-state-network";
import type { Setup } from "./commands.ts";
import type { OnValue, OpenPeer, Peer } from "./peer.ts";

const KEY = "value";
const JOIN_TIMEOUT_MS = 60_000;

export async function openDsnPeer(setup: Setup, onValue: OnValue): Promise<OpenPeer> {
  const { index, networkKey, directory, firstPort } = setup;
  const node = await DSNodeServer.start(
    {
      nodeId: nodeIdOf(index),
      networkIp: "127.0.0.1",
      aesKey: networkKey,
      credentialDir: directory,
      bootstrapNodes: firstPort === undefined ? [] : [`127.0.0.1:${firstPort}`],
    },
    {
      update: ({ current }) => {
        const value = current[KEY];
        if (value !== undefined) onValue(value);
      },
      receive: () => undefined,
    },
  );
  return { peer: new DsnPeer(node), port: node.port };
}

class DsnPeer implements Peer {
  readonly #node: DSNodeServer;

  constructor(node: DSNodeServer) {
    this.#node = node;
  }

  write(value: string): void {
    this.#node.updateData(KEY, value);
  }

  send(to: number, data: Uint8Array): Promise<void> {
    return this.#node.sendToNode(nodeIdOf(to), data);
  }

  async connect(ports: readonly number[]): Promise<void> {
    await this.#node.waitForPeers(ports.length - 1, { timeout: JOIN_TIMEOUT_MS });
  }

  close(): Promise<void> {
    return this.#node.stop();
  }
}

function nodeIdOf(index: number): string {
  return `node-${index}`;
}
