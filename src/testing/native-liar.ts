/**
 * What a liar says on sessions: it is a member, so it has some of its own, and has seen what a
 * member sees. Nobody can take the place of another there, so it lies under its own name.
 */

import { rootOf } from "../crypto/state-root.ts";
import type { Outcome, Reply } from "../wire/exchange.ts";
import type { HelloRole } from "../wire/hello-block.ts";
import { MessageType } from "../wire/message-type.ts";
import {
  type DigestEntry,
  decodeDigestAnswer,
  encodeDigestAnswer,
  encodeDigestRequest,
  summaryOf,
} from "../wire/native-digest.ts";
import {
  decodeMembersAnswer,
  encodeMembersAnswer,
  type MemberEntry,
} from "../wire/native-members.ts";
import { encodeRelay } from "../wire/native-relay.ts";
import {
  decodeStateAcks,
  decodeStates,
  encodeStateAcks,
  encodeStates,
  rootSignedPart,
  type StateItem,
} from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import { forgeHello } from "./forged-hello.ts";
import { SIM_PORT, type SimRequest } from "./sim-carrier.ts";
import type { SimNode } from "./sim-node.ts";
import type { SessionPassing } from "./sim-sessions.ts";
import type { Simulation } from "./simulation.ts";

const SEEN_MAX = 300;
const ITEMS_MAX = 4;
/** Nodes that one of its lists makes up. */
const INVENTED_PER_LIST = 12;

type Versioned = Exclude<StateItem, { form: "python" }>;
type Whole = Extract<StateItem, { form: "snapshot" }>;

/** The half of a {@link Liar} that has sessions. */
export class NativeLiar {
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #items: StateItem[] = [];
  readonly #hellos: MemberEntry[] = [];
  readonly #relayed: Uint8Array[] = [];
  readonly #messages: Uint8Array[] = [];
  #invented = 0;

  /** @param name Of a node whose core has joined honestly. */
  constructor(simulation: Simulation, name: string) {
    this.#simulation = simulation;
    this.#name = name;
  }

  get #node(): SimNode {
    return this.#simulation.node(this.#name);
  }

  /** Whether it has any sessions to lie on. */
  get isAble(): boolean {
    return this.#node.sessions;
  }

  // ---- listening ------------------------------------------------------------------------------

  /** A HELLO that passed by on the open wire. */
  sawHello(hello: Uint8Array, role: HelloRole): void {
    if (hello.length === 0) return;
    keep(this.#hellos, { role, hello, endpoint: undefined });
  }

  /** A message of one of its own sessions. */
  saw({ from, to, type, payload }: SessionPassing, reply: Reply | undefined): void {
    if (from !== this.#node && to !== this.#node) return;
    try {
      if (reply === undefined) this.#heard(type, payload);
      else if (reply.kind === "answer") this.#answered(type, reply.payload);
    } catch {
      // A lie of its own.
    }
  }

  #heard(type: NativeType, payload: Uint8Array): void {
    if (type === NativeType.STATES) this.#keepItems(payload);
    if (type === NativeType.BYTES) keep(this.#messages, payload);
  }

  #answered(type: NativeType, payload: Uint8Array): void {
    if (type === NativeType.RELAY) {
      keep(this.#relayed, payload);
      keep(this.#hellos, { role: "answer", hello: payload, endpoint: undefined });
    } else if (type === NativeType.DIGEST) {
      const answer = decodeDigestAnswer(payload);
      if (answer.kind === "states") this.#keepItems(answer.states);
    } else if (type === NativeType.MEMBERS) {
      const answer = decodeMembersAnswer(payload);
      if (answer.kind === "members") for (const entry of answer.members) keep(this.#hellos, entry);
    }
  }

  #keepItems(payload: Uint8Array): void {
    for (const item of decodeStates(payload)) keep(this.#items, item);
  }

  // ---- saying what nobody asked for -----------------------------------------------------------

  /** One lie to one node, on a session. */
  lie(victim: SimNode): void {
    switch (this.#number(8)) {
      case 0:
        this.#tell(victim, NativeType.BYTES, this.#one(this.#messages));
        break;
      case 1:
        this.#tell(victim, NativeType.DIGEST, this.#digest());
        break;
      case 2:
        this.#tell(victim, NativeType.RELAY, this.#relay());
        break;
      case 3:
        this.#tell(victim, NativeType.STATES, this.#brokenStates());
        break;
      default:
        this.#tell(victim, NativeType.STATES, this.#states(victim));
    }
  }

  #tell(victim: SimNode, type: NativeType, payload: Uint8Array | undefined): void {
    if (payload === undefined) return;
    const { nodeId, address, port, disk } = victim;
    const to = { address, port, peer: { nodeId, publicKey: disk.keyPair.publicKey } };
    const call = { to, type, payload, timeoutMs: 2_000 };
    this.#simulation.sessions.request(this.#node, call, () => undefined);
  }

  /** Versions that nobody has, of owners that may be anybody. */
  #digest(): Uint8Array {
    const owners = [...this.#simulation.nodes.values()].map(({ nodeId }) => nodeId);
    const entries: DigestEntry[] = [...new Set([...owners, "nobody"])].map((owner) => ({
      owner,
      version: this.#one([0, 1, this.#node.unixSeconds, 1e300]) ?? 0,
      root: this.#one([new Uint8Array(8), this.#entropy(8)]) ?? new Uint8Array(8),
    }));
    const summary = this.#one([summaryOf(entries), this.#entropy(8)]) ?? this.#entropy(8);
    return encodeDigestRequest({ summary, entries: this.#one([entries, undefined]) });
  }

  /** A HELLO of somebody else, or none, to be passed on under the name of the liar. */
  #relay(): Uint8Array {
    const to = this.#one([...this.#simulation.nodes.values()])?.nodeId ?? "nobody";
    const hello = this.#one([this.#one(this.#hellos)?.hello, this.#entropy(40)]);
    const held = this.#one([0, 1, 1e300]) ?? 0;
    return encodeRelay({ to, held, hello: hello ?? this.#entropy(40) });
  }

  #states(victim: SimNode | undefined): Uint8Array | undefined {
    const items = Array.from({ length: 1 + this.#number(ITEMS_MAX) }, () => this.#item(victim));
    return encodeStates(items.flatMap((item) => item ?? []));
  }

  /** A version that is no number, or bytes that are no states. */
  #brokenStates(): Uint8Array {
    const { nodeId } = this.#node;
    const signature = this.#entropy(64);
    const bytes = encodeStates([{ form: "proof", owner: nodeId, version: 1, signature }]);
    const versionAt = 4 + 1 + 4 + nodeId.length;
    const bad = this.#one([Number.NaN, Number.POSITIVE_INFINITY, -1]) ?? Number.NaN;
    new DataView(bytes.buffer, bytes.byteOffset).setFloat64(versionAt, bad);
    return (
      this.#one([bytes, this.#entropy(60), bytes.slice(0, this.#number(bytes.length))]) ?? bytes
    );
  }

  // ---- states ---------------------------------------------------------------------------------

  #item(victim: SimNode | undefined): StateItem | undefined {
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

  // ---- lying when asked -----------------------------------------------------------------------

  /** The answer to a request on a session; undefined for an honest one. */
  answer({ type }: SimRequest, outcome: Outcome): Uint8Array | undefined {
    switch (type) {
      case NativeType.STATES:
        return this.#acks(outcome);
      case NativeType.DIGEST:
        return this.#digestAnswer();
      case NativeType.MEMBERS:
        return this.#membersAnswer();
      case NativeType.RELAY:
        return this.#one([
          this.#one(this.#relayed),
          this.#one(this.#hellos)?.hello,
          this.#entropy(40),
        ]);
      case NativeType.ALIVE:
      case NativeType.BYTES:
      case MessageType.HELLO:
      case MessageType.PEERS:
      case MessageType.UPDATE:
      case MessageType.PING:
      case MessageType.DATA:
        return undefined;
    }
  }

  #acks(outcome: Outcome): Uint8Array | undefined {
    if (outcome.kind !== "answer") return undefined;
    const held = this.#one([0, 1, this.#node.unixSeconds, 1e300]) ?? 0;
    const wants = this.#one(["nothing", "snapshot"] as const) ?? "nothing";
    const acks = decodeStateAcks(outcome.payload).map(({ owner }) => ({ owner, held, wants }));
    return encodeStateAcks([...acks, { owner: "nobody", held, wants }]);
  }

  #digestAnswer(): Uint8Array {
    if (this.#number(3) > 0) {
      const nodes = [...this.#simulation.nodes.values()].map(({ nodeId }) => nodeId);
      const wanted = [...new Set([...nodes, "nobody"])].filter(() => this.#number(2) === 0);
      const states = this.#states(undefined) ?? new Uint8Array();
      return encodeDigestAnswer({ kind: "states", wanted, more: this.#number(2) === 0, states });
    }
    return encodeDigestAnswer({ kind: this.#one(["same", "differs"] as const) ?? "same" });
  }

  /** Old HELLOs, invented nodes, wrong addresses, and itself under many names. */
  #membersAnswer(): Uint8Array {
    const nodes = [...this.#simulation.nodes.values()];
    const members: MemberEntry[] = this.#hellos.slice(-20).map(({ role, hello }) => ({
      role,
      hello,
      endpoint: this.#endpoint(),
    }));
    for (let index = 0; index < INVENTED_PER_LIST; index += 1) {
      const role = this.#one(["request", "answer"] as const) ?? "request";
      const own = this.#number(3) === 0;
      const stolen = this.#number(4) === 0 ? this.#one(nodes)?.nodeId : undefined;
      const hello = this.#madeUp(role, stolen, own);
      members.push({ role, hello, endpoint: this.#endpoint() });
    }
    return this.#number(4) === 0
      ? encodeMembersAnswer({ kind: "same" })
      : encodeMembersAnswer({ kind: "members", members });
  }

  #endpoint(): MemberEntry["endpoint"] {
    const node = this.#one([...this.#simulation.nodes.values()]);
    const address = this.#one([node?.address, this.#node.address, "10.255.255.1", undefined]);
    return address === undefined ? undefined : { address, port: SIM_PORT };
  }

  /** A well signed HELLO of a node that does not exist, or of one that does with a key of the liar. */
  #madeUp(role: HelloRole, stolen: string | undefined, own: boolean): Uint8Array {
    this.#invented += 1;
    const nodeId = stolen ?? `invented${this.#invented}`;
    if (stolen === undefined) this.#simulation.invented.add(nodeId);
    const { engine, entropy } = this.#simulation;
    const keyPair = own ? this.#node.disk.keyPair : this.#simulation.newKeyPair();
    const issued = this.#node.unixSeconds + (this.#one([0, 1e6]) ?? 0);
    return forgeHello({
      engine,
      entropy,
      keyPair,
      nodeId,
      role,
      issued,
      address: this.#node.address,
    });
  }

  // ---- chance ---------------------------------------------------------------------------------

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

function keep<T>(seen: T[], one: T): void {
  seen.push(one);
  if (seen.length > SEEN_MAX) seen.splice(0, SEEN_MAX / 4);
}
