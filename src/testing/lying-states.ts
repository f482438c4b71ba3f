/** States that a liar shows on its sessions: of others, and of its own. */
import { rootOf } from "../crypto/state-root.ts";
import { rootSignedPart, type StateItem } from "../wire/native-states.ts";
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

const SEEN_MAX = 300;

type Versioned = Exclude<StateItem, { form: "python" }>;
type Whole = Extract<StateItem, { form: "snapshot" }>;

/** Forged, replayed, mixed-up and stale states of others; its own unproven, or in two forms. */
export class LyingStates {
  readonly #simulation: Simulation;
  readonly #liar: () => SimNode;
  readonly #items: StateItem[] = [];

  /** @param liar The node that lies, in its present life. */
  constructor(simulation: Simulation, liar: () => SimNode) {
    this.#simulation = simulation;
    this.#liar = liar;
  }

  get #node(): SimNode {
    return this.#liar();
  }

  /** Something that was shown to the liar. */
  keep(item: StateItem): void {
    keep(this.#items, item);
  }

  /** One lie; of the victim itself, if it is an old one. */
  item(victim: SimNode | undefined): StateItem | undefined {
    switch (this.#number(9)) {
      case 0:
        return this.#one(this.#items);
      case 1:
        return this.#mixedUp();
      case 2:
        return this.#forged();
      case 3:
        return this.#falseProof();
      case 4:
        return this.#falseChanges();
      case 5:
        return this.#ownUnproven();
      case 6:
        return this.#ownFork();
      case 7: {
        const packet = this.#one(this.#items.filter(({ form }) => form === "python"));
        const owner = this.#one([...this.#simulation.nodes.values()])?.nodeId ?? "nobody";
        return packet === undefined ? this.#forged() : { ...packet, owner };
      }
      default:
        return this.#oldOf(victim);
    }
  }

  /** States of others that carried a version. */
  #versioned(): Versioned | undefined {
    return this.#one(
      this.#items.filter(
        (item): item is Versioned => item.form !== "python" && item.owner !== this.#node.nodeId,
      ),
    );
  }

  #mixedUp(): StateItem | undefined {
    const [a, b, c] = [this.#versioned(), this.#versioned(), this.#versioned()];
    if (a === undefined || b === undefined || c === undefined) return undefined;
    const entries = a.form === "snapshot" ? a.entries : FORGED;
    const { version, owner } = b;
    return { form: "snapshot", owner, version, entries, signature: c.signature };
  }

  #forged(): Whole | undefined {
    const old = this.#versioned();
    if (old === undefined) return undefined;
    const { owner } = old;
    const version = old.version + (this.#one([0, 1e-3, 5, 1e9, 1e300]) ?? 0);
    const own = this.#sign(rootSignedPart(owner, version, rootOf(FORGED)));
    const signature = this.#one([own, this.#entropy(64), old.signature, undefined]);
    return { form: "snapshot", owner, version, entries: FORGED, signature };
  }

  /** For a version that is held everywhere, or is about to be. */
  #falseProof(): StateItem | undefined {
    const old = this.#versioned();
    if (old === undefined) return undefined;
    // What is held now can be read in the core of the liar, as every member has it.
    const held = this.#node.core.member(old.owner)?.replica?.version ?? old.version;
    const other = this.#versioned()?.signature;
    const signature = this.#one([this.#entropy(64), other]) ?? this.#entropy(64);
    const version = this.#one([held, old.version]) ?? held;
    return { form: "proof", owner: old.owner, version, signature };
  }

  #falseChanges(): StateItem | undefined {
    const old = this.#versioned();
    if (old === undefined) return undefined;
    const { owner } = old;
    const base = this.#node.core.member(owner)?.replica?.version ?? old.version;
    const version = base + (this.#one([1e-3, 1, 1e6]) ?? 1);
    const changes: [string, string | undefined][] = [
      ["forged", "yes"],
      ["last", undefined],
    ];
    const signature = this.#one([old.signature, this.#entropy(64), undefined]);
    return { form: "delta", owner, version, base, changes, signature };
  }

  /** Of its own: the proof is for something else, or for nothing. */
  #ownUnproven(): StateItem {
    const owner = this.#node.nodeId;
    const version = this.#ownVersion();
    const signature = this.#one([this.#entropy(64), undefined]);
    const value = `${this.#number(1e9)}`;
    return this.#number(2) === 0
      ? { form: "snapshot", owner, version, entries: new Map([["mine", value]]), signature }
      : { form: "delta", owner, version, base: version / 2, changes: [["mine", value]], signature };
  }

  /** Of its own, well signed, another to everybody it is told. */
  #ownFork(): StateItem {
    const owner = this.#node.nodeId;
    const version = this.#ownVersion();
    const entries = new Map([["mine", `${this.#number(1e9)}`]]);
    const message = rootSignedPart(owner, version, rootOf(entries));
    this.#simulation.promises.signed(owner, message);
    return { form: "snapshot", owner, version, entries, signature: this.#sign(message) };
  }

  #ownVersion(): number {
    const { core, unixSeconds } = this.#node;
    return this.#one([core.version, core.version + 1e-6, unixSeconds, 1, 1e300]) ?? unixSeconds;
  }

  /** What the victim itself has said, or somebody else, of any age. */
  #oldOf(victim: SimNode | undefined): StateItem | undefined {
    return this.#one(this.#items.filter(({ owner }) => owner === victim?.nodeId));
  }

  #one<T>(items: readonly T[]): T | undefined {
    return items[this.#number(items.length)];
  }

  #number(max: number): number {
    return Math.floor(this.#simulation.random() * max);
  }

  #entropy(length: number): Uint8Array {
    return this.#simulation.entropy(length);
  }

  #sign(message: Uint8Array): Uint8Array {
    const { engine, entropy } = this.#simulation;
    return engine.sign(this.#node.disk.keyPair.privateKey, "native", message, entropy(32));
  }
}

const FORGED: ReadonlyMap<string, string> = new Map([["forged", "yes"]]);

/** Adds one, and drops the oldest when there are many. */
export function keep<T>(seen: T[], one: T): void {
  seen.push(one);
  if (seen.length > SEEN_MAX) seen.splice(0, SEEN_MAX / 4);
}
