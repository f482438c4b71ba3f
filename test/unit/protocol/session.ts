/** A puppet that has a session with the core, and a core that has sessions. */
import { toHex } from "../../../src/bytes/hex.ts";
import { rootOf } from "../../../src/crypto/state-root.ts";
import type { CoreOptions } from "../../../src/protocol/index.ts";
import type { DigestEntry } from "../../../src/wire/digest-entry.ts";
import type { Address, Outcome, ProvenPeer, Reply } from "../../../src/wire/exchange.ts";
import { decodeHello } from "../../../src/wire/hello.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import {
  type DigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
} from "../../../src/wire/native-digest.ts";
import { encodeMembersAnswer, type MembersAnswer } from "../../../src/wire/native-members.ts";
import {
  type Change,
  decodeStateAcks,
  decodeStates,
  encodeStateAcks,
  encodeStates,
  rootSignedPart,
  type StateAck,
  type StateItem,
} from "../../../src/wire/native-states.ts";
import { type AnyType, NativeType } from "../../../src/wire/native-type.ts";
import { answered, LoneCore, NOW_SECONDS, nonceOf, Puppet, type Sent } from "./lone-core.ts";

export const FEATURES = ["session"];

/** A core whose HELLO says that it has sessions. */
export function sessionCore(
  options: Partial<CoreOptions> = {},
  bootstrap: readonly Address[] = [],
): LoneCore {
  return new LoneCore("me", { features: FEATURES, ...options }, bootstrap);
}

/** The form that is proven by a signature of its own. */
type Versioned = Exclude<StateItem, { form: "python" }>;

export function entriesOf(object: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(Object.entries(object));
}

/** A native node that has a session with the core. */
export class SessionPuppet extends Puppet {
  /** Which of its processes speaks. */
  incarnation = 1;
  features: readonly string[] = FEATURES;
  /** The newest version of its state, which it shows when it is asked; 0 for none. */
  version = 0;
  entries: ReadonlyMap<string, string> = new Map();
  /** What it says it lacks, whenever it is asked by a digest with entries. */
  wants: readonly string[] = [];
  /** Of its last HELLO, Unix seconds; the next one is a second later. */
  issued = NOW_SECONDS;

  /** As the session has proved it. */
  get proven(): ProvenPeer {
    const incarnation = toHex(new Uint8Array(16).fill(this.incarnation));
    return { nodeId: this.nodeId, publicKey: this.keyPair.publicKey, incarnation };
  }

  // ---- HELLO ----------------------------------------------------------------------------------

  /** Its next HELLO, as a request. */
  greeting(): Uint8Array {
    this.issued += 1;
    const { incarnation, features } = this;
    return this.nativeHello({ incarnation, features, issued: this.issued });
  }

  /** Its answer to a HELLO of the core. */
  greetingBack(hello: Uint8Array): Uint8Array {
    this.issued += 1;
    const { incarnation, features } = this;
    const answer = { role: "answer", answered: nonceOf(hello) } as const;
    return this.nativeHello({ incarnation, features, issued: this.issued, ...answer });
  }

  // ---- states ---------------------------------------------------------------------------------

  /** Its signature over a version. */
  signed(version: number, entries: ReadonlyMap<string, string>): Uint8Array {
    return this.sign("native", rootSignedPart(this.nodeId, version, rootOf(entries)));
  }

  snapshot(
    version: number,
    object: Readonly<Record<string, string>>,
    signature: "signed" | "unsigned" = "unsigned",
  ): Extract<StateItem, { form: "snapshot" }> {
    const entries = entriesOf(object);
    return {
      form: "snapshot",
      owner: this.nodeId,
      version,
      entries,
      signature: signature === "signed" ? this.signed(version, entries) : undefined,
    };
  }

  /** @param result What it ends with, when it is to be signed. */
  delta(
    base: number,
    version: number,
    changes: readonly Change[],
    result?: Readonly<Record<string, string>>,
  ): Extract<StateItem, { form: "delta" }> {
    const signature = result === undefined ? undefined : this.signed(version, entriesOf(result));
    return { form: "delta", owner: this.nodeId, version, base, changes, signature };
  }

  proof(
    version: number,
    result: Readonly<Record<string, string>>,
  ): Extract<StateItem, { form: "proof" }> {
    const signature = this.signed(version, entriesOf(result));
    return { form: "proof", owner: this.nodeId, version, signature };
  }

  // ---- to the core ----------------------------------------------------------------------------

  /** A request on its session. */
  ask(core: LoneCore, type: AnyType, payload: Uint8Array = new Uint8Array()): Outcome {
    return core.ask(type, payload, this.address, this.proven);
  }

  /** Sends states on its session; what the core says it holds then. */
  send(core: LoneCore, ...items: StateItem[]): StateAck[] {
    const outcome = this.ask(core, NativeType.STATES, encodeStates(items));
    if (outcome.kind !== "answer") throw new Error(`${outcome.status} ${outcome.text}`);
    return decodeStateAcks(outcome.payload);
  }

  /** Says HELLO to the core, begins a session, and answers the core's calls until it is listed. */
  override join(core: LoneCore): this {
    this.arrive(core);
    this.answerCalls(core);
    return this;
  }

  /** Says HELLO to the core, begins a session, and answers the PING that follows. */
  arrive(core: LoneCore): this {
    core.ask(MessageType.HELLO, this.greeting(), this.address);
    this.ask(core, NativeType.ALIVE, new Uint8Array());
    this.answerAll(core, MessageType.PING);
    return this;
  }

  // ---- to what the core asks ------------------------------------------------------------------

  /** The open calls of the core to it. */
  calls(core: LoneCore, type?: AnyType): Sent[] {
    return core.open.filter(
      (call) => call.to.address === this.address && (type === undefined || call.type === type),
    );
  }

  /** The one open call of a type. */
  call(core: LoneCore, type: AnyType): Sent {
    const [call, ...others] = this.calls(core, type);
    if (call === undefined) throw new Error(`${this.nodeId} is not asked ${type}`);
    if (others.length > 0) throw new Error(`${this.nodeId} is asked ${type} more than once`);
    return call;
  }

  /** What the open pushes to it say, oldest first. */
  pushed(core: LoneCore): StateItem[] {
    return this.calls(core, NativeType.STATES).flatMap(({ payload }) => decodeStates(payload));
  }

  override answerCalls(core: LoneCore): void {
    for (let round = 0; round < 200; round += 1) {
      const [call] = this.calls(core);
      if (call === undefined) return;
      core.reply(call, answered(this.answerTo(call, core.core.nodeId)));
    }
    throw new Error(`The core does not end to call ${this.nodeId}`);
  }

  /** Answers all open calls of one type. */
  answerAll(core: LoneCore, type: AnyType): void {
    for (const call of this.calls(core, type)) {
      core.reply(call, answered(this.answerTo(call, core.core.nodeId)));
    }
  }

  /** As a peer that lists the core, takes its state and lacks nothing. */
  answerTo({ type, payload }: Sent, asker: string): Uint8Array {
    switch (type) {
      case MessageType.HELLO:
        return this.greetingBack(payload);
      case NativeType.MEMBERS:
        return encodeMembersAnswer({ kind: "same" });
      case NativeType.DIGEST:
        return this.#digestAnswer(payload);
      case NativeType.STATES:
        return acksOf(payload, asker);
      case MessageType.PING:
      case NativeType.ALIVE:
      case NativeType.BYTES:
      case NativeType.LEAVE:
      case NativeType.INTRODUCE:
      case NativeType.OFFER:
        return new Uint8Array();
      case NativeType.RELAY:
      case MessageType.UPDATE:
      case MessageType.PEERS:
      case MessageType.DATA:
        throw new Error(`${this.nodeId} has no answer to ${type}`);
    }
  }

  #digestAnswer(payload: Uint8Array): Uint8Array {
    const { entries } = decodeDigestRequest(payload);
    if (entries === undefined) return encodeDigestAnswer({ kind: "same" });
    const known = entries.find(({ owner }) => owner === this.nodeId)?.version ?? 0;
    const { version, wants } = this;
    const own = this.snapshot(version, Object.fromEntries(this.entries), "signed");
    const states = encodeStates(known < version ? [own] : []);
    return encodeDigestAnswer({ kind: "states", wanted: wants, more: false, states });
  }
}

/** Says that each of the states was taken. */
export function acksOf(payload: Uint8Array, owner?: string): Uint8Array {
  const acks = decodeStates(payload).flatMap((item): StateAck[] =>
    item.form === "python" || (owner !== undefined && item.owner !== owner)
      ? []
      : [{ owner: item.owner, held: item.version, wants: "nothing" }],
  );
  return encodeStateAcks(acks);
}

export function acked(...acks: StateAck[]): Reply {
  return answered(encodeStateAcks(acks));
}

export function digestAnswer(answer: DigestAnswer): Reply {
  return answered(encodeDigestAnswer(answer));
}

/** An answer with states. */
export function statesAnswer(
  items: readonly StateItem[],
  { wanted = [], more = false }: { wanted?: readonly string[]; more?: boolean } = {},
): Reply {
  return digestAnswer({ kind: "states", wanted, more, states: encodeStates(items) });
}

export function membersAnswer(answer: MembersAnswer): Reply {
  return answered(encodeMembersAnswer(answer));
}

/** First bytes of the root of a state, as a digest has them. */
export function shortRootOf(object: Readonly<Record<string, string>>): Uint8Array {
  return rootOf(entriesOf(object)).slice(0, 8);
}

export function digestEntry(
  owner: string,
  version: number,
  object?: Readonly<Record<string, string>>,
): DigestEntry {
  return { owner, version, root: object === undefined ? new Uint8Array(8) : shortRootOf(object) };
}

/** An item in few words, for comparisons. */
export function brief(item: StateItem): string {
  if (item.form === "python") return `python ${item.owner}`;
  const { form, owner, version } = item;
  const signature = item.signature === undefined ? "" : " signed";
  const head = `${form} ${owner} ${Math.round((version - NOW_SECONDS) * 1e6) / 1e6}${signature}`;
  if (form === "snapshot") return `${head} ${JSON.stringify(Object.fromEntries(item.entries))}`;
  if (form === "delta") {
    const base = Math.round((item.base - NOW_SECONDS) * 1e6) / 1e6;
    return `${head} from ${base} ${JSON.stringify(item.changes)}`;
  }
  return head;
}

/** Whether a HELLO that the core sent says that it has sessions. */
export function nodeIdOf(hello: Uint8Array): string {
  return decodeHello(hello).hello.nodeId;
}

/** The version of an item that has one. */
export function versionOf(item: StateItem | undefined): number {
  return (item as Versioned | undefined)?.version ?? Number.NaN;
}
