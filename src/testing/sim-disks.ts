/** The disks of simulated hosts: what survives a crash, by name. */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { SimDisk } from "./sim-world.ts";

export class SimDisks {
  readonly #engine: SignatureEngine;
  readonly #entropy: (length: number) => Uint8Array;
  readonly #disks = new Map<string, SimDisk>();

  constructor(engine: SignatureEngine, entropy: (length: number) => Uint8Array) {
    this.#engine = engine;
    this.#entropy = entropy;
  }

  /** That of a host, with a new identity on it if there was none. */
  of(name: string): SimDisk {
    const disk = this.#disks.get(name) ?? this.#newDisk();
    this.#disks.set(name, disk);
    return disk;
  }

  /** A host begins with a copy of another one's disk. */
  copy(from: string, to: string): void {
    const disk = this.#disks.get(from);
    if (disk === undefined) return;
    const copies = { pins: new Map(disk.pins), natives: new Set(disk.natives) };
    this.#disks.set(to, { ...disk, ...copies });
  }

  /** The file beside the key is gone. @returns false when there never was one. */
  unmark(name: string): boolean {
    const disk = this.#disks.get(name);
    if (disk !== undefined) disk.mark = undefined;
    return disk !== undefined;
  }

  /** All of it is. */
  lose(name: string): void {
    this.#disks.delete(name);
  }

  #newDisk(): SimDisk {
    const pins = new Map();
    return { keyPair: this.newKeyPair(), pins, mark: undefined, natives: new Set(), peers: [] };
  }

  newKeyPair(): SimDisk["keyPair"] {
    let privateKey = this.#entropy(32);
    while (!this.#engine.isPrivateKey(privateKey)) privateKey = this.#entropy(32);
    return { privateKey, publicKey: this.#engine.publicKeyOf(privateKey) };
  }
}
