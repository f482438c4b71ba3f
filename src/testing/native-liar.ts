/**
 * What a liar says on sessions: it is a member, so it has some of its own, and has seen what a
 * member sees. Nobody can take the place of another there, so it lies under its own name.
 */
import type { DigestEntry } from "../wire/digest-entry.ts";
import { summaryOf } from "../wire/digest-summary.ts";
import type { Outcome, Reply } from "../wire/exchange.ts";
import type { HelloRole } from "../wire/hello-block.ts";
import {
  decodeDigestAnswer,
  encodeDigestAnswer,
  encodeDigestRequest,
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
} from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import { forgeHello } from "./forged-hello.ts";
import { keep, LyingStates } from "./lying-states.ts";
import { SIM_PORT } from "./sim-carrier.ts";
import type { SimNode } from "./sim-node.ts";
import type { SessionPassing } from "./sim-sessions.ts";
import type { Simulation } from "./simulation.ts";

const ITEMS_MAX = 4;
/** Nodes that one of its lists makes up. */
const INVENTED_PER_LIST = 12;

/** The half of a {@link Liar} that has sessions. */
export class NativeLiar {
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #states: LyingStates;
  readonly #hellos: MemberEntry[] = [];
  readonly #relayed: Uint8Array[] = [];
  readonly #messages: Uint8Array[] = [];
  #invented = 0;

  /** @param name Of a node whose core has joined honestly. */
  constructor(simulation: Simulation, name: string) {
    this.#simulation = simulation;
    this.#name = name;
    this.#states = new LyingStates(simulation, () => this.#node);
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
    for (const item of decodeStates(payload)) this.#states.keep(item);
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
        this.#tell(victim, NativeType.STATES, this.#statesFor(victim));
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

  #statesFor(victim: SimNode | undefined): Uint8Array | undefined {
    const items = Array.from({ length: 1 + this.#number(ITEMS_MAX) }, () =>
      this.#states.item(victim),
    );
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

  // ---- lying when asked -----------------------------------------------------------------------

  /** The answer to a request on a session; undefined for an honest one. */
  answer(type: NativeType, outcome: Outcome): Uint8Array | undefined {
    switch (type) {
      case NativeType.STATES:
      case NativeType.OFFER:
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
      case NativeType.LEAVE:
      case NativeType.INTRODUCE:
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
      const states = this.#statesFor(undefined) ?? new Uint8Array();
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
}
