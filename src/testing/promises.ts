/**
 * What must hold in every simulated run, checked while it runs.
 *
 * - *Ownership*: nobody holds a state that the holder of its owner's key did not sign.
 * - *Versions*: those of one owner strictly increase, one content each; nobody goes back.
 * - *Events*: a join is never followed by a join; alone is who lists nobody; replayed, they give what `read()` shows.
 * - *Sessions*: nodes that use them tell each other nothing over the weaker wire.
 * - *Messages*: none is delivered twice.
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import type { CoreEvent } from "../protocol/index.ts";
import { MessageType } from "../wire/message-type.ts";
import { type AnyType, anyName } from "../wire/native-type.ts";
import { Authorship } from "./authorship.ts";
import { sameEntries } from "./convergence.ts";
import type { SimNode } from "./sim-node.ts";

type StateUpdate = Extract<CoreEvent, { name: "state:update" }>;

/** Of a node whose state is not told yet: most are empty, and large networks have a million. */
const NOTHING = new Map<string, string>();

/** What an application that follows the events of one node knows. */
interface Follower {
  /** Entries of each node that is present, as told. */
  readonly told: Map<string, Map<string, string>>;
  readonly present: Set<string>;
  readonly versions: Map<string, number>;
  readonly touched: Set<string>;
  /** How often each message came. */
  readonly delivered: Map<string, number>;
  /** It was told that nobody is reached. */
  alone: boolean;
}

/** Watches a simulation and writes down every promise that it breaks. */
export class Promises {
  /** What was broken; empty in a good run. */
  readonly violations: string[] = [];
  readonly #liars: ReadonlySet<string>;
  readonly #isTaken: (at: SimNode, nodeId: string) => boolean;
  readonly #authorship: Authorship;
  readonly #followers = new Map<SimNode, Follower>();
  /** How often programs have sent the same bytes to the same node. */
  readonly #handedOver = new Map<string, number>();

  /**
   * Nothing is broken yet.
   *
   * @param liars Ids of nodes that lie, now or later.
   * @param isTaken Whether a name is a liar's for a node, who was first there with its key: what it
   *   signs as that name is what the holder of the key signed.
   */
  constructor(
    liars: ReadonlySet<string>,
    isTaken: (at: SimNode, nodeId: string) => boolean = () => false,
  ) {
    this.#liars = liars;
    this.#isTaken = isTaken;
    this.#authorship = new Authorship(liars);
  }

  /** The holder of the identity signed this. */
  signed(nodeId: string, message: Uint8Array): void {
    this.#authorship.signed(nodeId, message);
  }

  /** Two machines have this identity: of its versions nothing is promised but that they are its own. */
  cloned(nodeId: string): void {
    this.#authorship.cloned(nodeId);
  }

  /** A program hands bytes over, to be delivered to a node at most once. */
  handedOver(from: string, to: string, data: Uint8Array): void {
    const message = `${to} ${from} ${toHex(data)}`;
    this.#handedOver.set(message, (this.#handedOver.get(message) ?? 0) + 1);
  }

  /** A disk without its mark: versions may begin again below those shown. */
  markLost(nodeId: string): void {
    this.#authorship.markLost(nodeId);
  }

  /** A node of ours sends an UPDATE. */
  sent(node: SimNode, payload: Uint8Array): void {
    const wrong = this.#authorship.sent(node, payload);
    if (wrong !== undefined) this.#broken(node, wrong);
  }

  /** Two nodes with sessions say nothing else over the weaker wire: only HELLO and PING. */
  spoke(from: SimNode, to: SimNode | undefined, type: AnyType): void {
    if (type === MessageType.HELLO || type === MessageType.PING) return;
    if (!from.sessions || to?.sessions !== true || this.#liars.has(from.name)) return;
    if (this.#liars.has(to.name) || isMisled(this.#liars, from, to)) return;
    this.#broken(from, `sends ${anyName(type)} to ${to.name} over the weaker wire`);
  }

  /** An event, in the order of telling. */
  told(node: SimNode, event: CoreEvent): void {
    const follower = this.#follower(node);
    switch (event.name) {
      case "peer:join": {
        const { nodeId } = event.member;
        if (follower.present.has(nodeId)) this.#broken(node, `tells ${nodeId} joined twice`);
        follower.present.add(nodeId);
        follower.told.set(nodeId, NOTHING);
        follower.touched.add(nodeId);
        break;
      }
      case "peer:leave": {
        const { nodeId } = event.member;
        if (!follower.present.has(nodeId)) this.#broken(node, `tells ${nodeId} left twice`);
        follower.present.delete(nodeId);
        follower.told.delete(nodeId);
        follower.touched.add(nodeId);
        break;
      }
      case "state:update":
        this.#stateTold(node, follower, event);
        break;
      case "data": {
        const message = `${event.from} ${toHex(event.data)}`;
        const times = (follower.delivered.get(message) ?? 0) + 1;
        follower.delivered.set(message, times);
        // Nobody counts what a liar or a Python peer sends: once is as it must be.
        const sent = this.#handedOver.get(`${node.nodeId} ${message}`) ?? 1;
        if (times > sent) this.#broken(node, `is given ${message} twice`);
        break;
      }
      case "isolated":
      case "connected":
        this.#aloneTold(node, follower, event.name === "isolated");
        break;
      case "joined":
      case "first-round":
      case "peer:status":
      case "warning":
        break;
    }
  }

  #aloneTold(node: SimNode, follower: Follower, alone: boolean): void {
    if (follower.alone === alone) this.#broken(node, `tells twice that it is alone: ${alone}`);
    follower.alone = alone;
    const { size } = follower.present;
    if (alone !== (size === 0)) this.#broken(node, `tells alone: ${alone} with ${size} others`);
  }

  #stateTold(node: SimNode, follower: Follower, event: StateUpdate): void {
    const { owner, change, version, local } = event;
    const entries = local ? (follower.told.get(owner) ?? NOTHING) : follower.told.get(owner);
    if (entries === undefined) {
      this.#broken(node, `tells of ${owner}, who is not present`);
      return;
    }
    const told = entries === NOTHING ? new Map<string, string>() : entries;
    follower.told.set(owner, told);
    follower.touched.add(owner);
    for (const key of [...change.updated, ...change.removed]) {
      if (entries.get(key) !== change.previous.get(key))
        this.#broken(node, `tells a wrong previous value of ${owner}/${key}`);
    }
    for (const key of change.added) {
      if (entries.has(key)) this.#broken(node, `tells ${owner}/${key} added twice`);
    }
    for (const key of change.removed) told.delete(key);
    for (const [key, value] of change.current) told.set(key, value);
    if (local) return;
    const last = follower.versions.get(owner);
    if (last !== undefined && version < last && !this.#authorship.mayGoBack(owner))
      this.#broken(node, `goes back from version ${last} of ${owner} to ${version}`);
    follower.versions.set(owner, version);
  }

  /** After each step: what was told is what is read, and nothing is held that was never said. */
  stepped(node: SimNode): void {
    this.#authorship.noteVersion(node);
    const { touched, told } = this.#follower(node);
    for (const owner of touched) {
      const read = node.read(owner);
      if (!sameEntries(read, told.get(owner)))
        this.#broken(node, `reads ${show(read)} of ${owner}, told ${show(told.get(owner))}`);
      if (owner !== node.nodeId) this.#checkReplica(node, owner);
    }
    touched.clear();
  }

  /** Looks at everything that a node holds now. */
  check(node: SimNode): void {
    for (const { nodeId } of node.core.members()) this.#checkReplica(node, nodeId);
    for (const fault of node.faults.splice(0)) {
      const stack = fault instanceof Error ? fault.stack : String(fault);
      this.#broken(node, `met a mistake of ours: ${stack}`);
    }
  }

  #checkReplica(node: SimNode, owner: string): void {
    const replica = node.core.member(owner)?.replica;
    const wrong = replica && this.#authorship.doubt(owner, replica);
    if (wrong !== undefined && !this.#isTaken(node, owner)) this.#broken(node, wrong);
  }

  #follower(node: SimNode): Follower {
    let follower = this.#followers.get(node);
    if (follower === undefined) {
      follower = {
        told: new Map([[node.nodeId, new Map<string, string>()]]),
        present: new Set(),
        versions: new Map(),
        touched: new Set(),
        delivered: new Map(),
        alone: false,
      };
      this.#followers.set(node, follower);
    }
    return follower;
  }

  #broken(node: SimNode, what: string): void {
    if (this.violations.length < 100) this.violations.push(`${node.name} ${what}`);
  }
}

function show(entries: ReadonlyMap<string, string> | undefined): string {
  return entries === undefined ? "nothing" : JSON.stringify([...entries]);
}

/** Whom a node may be talking to. */
const DIALLED: ReadonlySet<string> = new Set(["alive", "suspect", "one-way", "joining"]);

/** One that speaks the weaker wire cannot prove where it is: a liar may have sent us there. */
function isMisled(
  liars: ReadonlySet<string>,
  { core }: SimNode,
  { nodeId, address }: SimNode,
): boolean {
  const known = core.member(nodeId);
  if (liars.size === 0 || (known !== undefined && known.native?.sessions !== true)) return false;
  return core
    .members()
    .some(
      (member) =>
        member.nodeId !== nodeId &&
        member.endpoint?.address === address &&
        member.native === undefined &&
        DIALLED.has(member.status),
    );
}
