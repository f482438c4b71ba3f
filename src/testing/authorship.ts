/**
 * What each owner has made and signed in a simulated run, and whether what others hold of it is that.
 * @module
 */
import { createHash } from "node:crypto";
import { toHex } from "../bytes/hex.ts";
import type { NativeReplica, PythonReplica } from "../protocol/index.ts";
import { rootSignedPart } from "../wire/native-states.ts";
import { decodeStatePacket, stateSignedPart } from "../wire/state-packet.ts";
import type { SimNode } from "./sim-node.ts";

export class Authorship {
  /** Ids of nodes that lie: of their own states nothing is promised but that they are theirs. */
  readonly #liars: ReadonlySet<string>;
  /** Every message that the holder of an identity ever signed, by hash. */
  readonly #said = new Map<string, Set<string>>();
  /** The newest version that each identity has sent, and its text. */
  readonly #newest = new Map<string, { version: number; text: string }>();
  /**
   * Owners whose mark was lost, with the hashes of all that they had signed by then: what they had
   * shown and not proven is shown no more one day.
   */
  readonly #unmarked = new Map<string, ReadonlySet<string>>();
  /** The entries of each version that each identity has made, by id and version. */
  readonly #made = new Map<string, Set<string>>();
  /** Every entry that each identity has ever had, by id. */
  readonly #had = new Map<string, Set<string>>();
  /** The version of each core that was written down last. */
  readonly #noted = new Map<object, number>();
  /** Identities that two machines had at a time. */
  readonly #cloned = new Set<string>();
  readonly #lastPacket = new Map<SimNode, Uint8Array>();

  constructor(liars: ReadonlySet<string>) {
    this.#liars = liars;
  }

  signed(nodeId: string, message: Uint8Array): void {
    const said = this.#said.get(nodeId) ?? new Set();
    this.#said.set(nodeId, said.add(hash(message)));
  }

  cloned(nodeId: string): void {
    this.#cloned.add(nodeId);
    this.markLost(nodeId);
  }

  markLost(nodeId: string): void {
    this.#newest.delete(nodeId);
    this.#unmarked.set(nodeId, new Set(this.#said.get(nodeId)));
  }

  /** Whether others may read an older version of it after a newer one. */
  mayGoBack(owner: string): boolean {
    return this.#liars.has(owner) || this.#unmarked.has(owner);
  }

  /** A node sends an UPDATE. @returns what is wrong with it, if anything. */
  sent(node: SimNode, payload: Uint8Array): string | undefined {
    if (this.#lastPacket.get(node) === payload) return;
    this.#lastPacket.set(node, payload);
    const { nodeId, version, text } = decodeStatePacket(payload).packet;
    if (nodeId !== node.nodeId) return `sends a state of ${nodeId}`;
    const newest = this.#newest.get(nodeId);
    if (newest === undefined || version > newest.version) {
      this.#newest.set(nodeId, { version, text });
    } else if (newest.text !== text && !this.#cloned.has(nodeId)) {
      return `sends version ${version} after ${newest.version}`;
    }
    return undefined;
  }

  /** In the step that makes a version, the map holds just that version. */
  noteVersion({ nodeId, core }: SimNode): void {
    if (this.#noted.get(core) === core.version) return;
    const key = `${nodeId} ${core.version}`;
    const made = this.#made.get(key) ?? new Set<string>();
    this.#noted.set(core, core.version);
    const entries = core.entriesOf(nodeId) ?? new Map<string, string>();
    this.#made.set(key, made.add(sorted(entries)));
    const had = this.#had.get(nodeId) ?? new Set<string>();
    for (const entry of entries) had.add(JSON.stringify(entry));
    this.#had.set(nodeId, had);
  }

  /** What is wrong with a replica that somebody holds, if anything. */
  doubt(owner: string, replica: NativeReplica | PythonReplica): string | undefined {
    if (replica.kind === "native") return this.#doubtNative(owner, replica);
    const { version, text } = replica;
    const message = stateSignedPart({ nodeId: owner, version, text });
    if (this.#hasSaid(owner, hash(message))) return undefined;
    return `holds a state of ${owner} that ${owner} never signed: ${text}`;
  }

  /** What came on the owner's own session may not be proven yet, and is its own nevertheless. */
  #doubtNative(owner: string, { version, entries, proof, isAstray }: NativeReplica) {
    const provenBy = proof && hash(rootSignedPart(owner, proof.version, proof.root));
    if (proof !== undefined && provenBy !== undefined && !this.#hasSaid(owner, provenBy)) {
      return `holds a proof of ${owner} that ${owner} never signed: ${proof.version}`;
    }
    // What an owner's last process did not prove is shown until something of the next one comes.
    // Of a liar's own state only the signatures count: it says one thing here, another there; so do
    // two machines with one identity, whose changes meet in one replica until a proof comes.
    if (version === 0 || isAstray || this.#liars.has(owner) || this.#cloned.has(owner)) {
      return undefined;
    }
    const isMade = this.#made.get(`${owner} ${version}`)?.has(sorted(entries)) === true;
    // Whatever is mixed, each entry is of one of its lives.
    const had = this.#had.get(owner);
    const isMixed = [...entries].every((entry) => had?.has(JSON.stringify(entry)));
    if (isMade || (isMixed && this.#mayMixLives(owner, provenBy))) return undefined;
    return `holds entries of ${owner} that ${owner} never had: ${sorted(entries)}`;
  }

  #hasSaid(owner: string, messageHash: string): boolean {
    return this.#said.get(owner)?.has(messageHash) === true;
  }

  /**
   * Two lives without a mark between them may have made one version: changes of one to that of the
   * other stay until the second has proved one.
   */
  #mayMixLives(owner: string, provenBy: string | undefined): boolean {
    const before = this.#unmarked.get(owner);
    return before !== undefined && (provenBy === undefined || before.has(provenBy));
  }
}

function sorted(entries: ReadonlyMap<string, string>): string {
  return JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hash(message: Uint8Array): string {
  return toHex(createHash("sha256").update(message).digest());
}
