/**
 * Who lives where: each name has an IP address of its own, and is found by it or by the name and
 * `.sim`.
 * @module
 */
import { createHash } from "node:crypto";
import type { SimHost } from "./sim-carrier.ts";

export class SimHosts {
  readonly #hosts = new Map<string, SimHost>();

  /** A host begins to live at its address, in place of who did before. */
  settle(host: SimHost): void {
    this.#hosts.set(host.address, host).set(`${host.name}.sim`, host);
  }

  /** Nobody is at the address from now on. */
  vacate(address: string): void {
    this.#hosts.delete(address);
  }

  at(address: string): SimHost | undefined {
    return this.#hosts.get(address);
  }
}

/** A name gives an address, so that a node can join through one that starts later. */
export function addressOf(name: string): string {
  const digest = createHash("sha256").update(name).digest();
  return `10.${digest[0] ?? 0}.${digest[1] ?? 0}.${(digest[2] ?? 0) || 1}`;
}
