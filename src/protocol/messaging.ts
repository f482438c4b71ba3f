/**
 * DATA: bytes from one node to another, delivered at most once.
 *
 * Source: `dsnode.py`, `send_to_node`, `handle_data`; `docs/protocol.md`, DATA.
 * @module
 */
import { DsnError } from "../errors.ts";
import { dataSignedPart, decodeData, encodeData, readsAsState } from "../wire/data.ts";
import { formatAddress, type ProvenPeer, type Reply, type Target } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { decodeBytes, encodeBytesHead } from "../wire/native-bytes.ts";
import { type AnyType, NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import type { Greeting } from "./greeting.ts";
import type { Kernel } from "./kernel.ts";
import { hasCalled, isGone, isPresent, type Member, speaksNative, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { MessageCounts } from "./message-counts.ts";
import { Numbers } from "./numbers.ts";
import * as refusals from "./refusal.ts";
import { isForgotten } from "./refusal.ts";
import { Repeats } from "./repeats.ts";
import type { Senders } from "./senders.ts";
import { LIMITS, requestTimeoutMs } from "./settings.ts";
import { printable, troubleOf } from "./troubles.ts";

/** What the reference answers; its `send_to_node` returns this text. */
const OK = new TextEncoder().encode("OK");
/** A Python receiver runs its callback before it answers, so it may take its time. */
const PATIENCE_MS = 10_000;
/** Tries to connect before a node counts as unreachable; nothing is sent twice by this. */
const CONNECT_ATTEMPTS = 3;

/** Before a message for which there was no room is tried again; it has its whole time for that. */
const FULL_PAUSE_MS = 100;

/** A message on its way: the same bytes at each attempt. */
interface Sending {
  readonly to: Target;
  readonly type: AnyType;
  readonly head?: Uint8Array;
  readonly payload: Uint8Array;
}

export class Messaging {
  readonly #kernel: Kernel;
  readonly #nodeId: string;
  readonly #keyId: string | undefined;
  readonly #members: Members;
  readonly #senders: Senders;
  readonly #greeting: Greeting;
  readonly #onSilent: (member: Member) => void;
  readonly #repeats: Repeats;
  readonly #numbers: Numbers;
  readonly #counts = new MessageCounts();

  constructor(
    kernel: Kernel,
    me: { readonly nodeId: string; readonly keyId: string | undefined },
    members: Members,
    senders: Senders,
    greeting: Greeting,
    onSilent: (member: Member) => void,
  ) {
    this.#kernel = kernel;
    this.#nodeId = me.nodeId;
    this.#keyId = me.keyId;
    this.#members = members;
    this.#senders = senders;
    this.#greeting = greeting;
    this.#onSilent = onSilent;
    const isListed = (nodeId: string) => members.get(nodeId) !== undefined;
    this.#repeats = new Repeats(isListed);
    this.#numbers = new Numbers(isListed);
  }

  // ---- sending --------------------------------------------------------------------------------

  send(operation: number, to: string, data: Uint8Array, timeoutMs: number | undefined): void {
    this.#kernel.spawn(this.#send(operation, to, data, timeoutMs));
  }

  *#send(operation: number, to: string, data: Uint8Array, timeoutMs: number | undefined): Flow {
    let error: DsnError | undefined;
    try {
      yield* this.#deliver(to, data, timeoutMs);
    } catch (caught) {
      if (!(caught instanceof DsnError)) throw caught;
      error = caught;
    }
    this.#kernel.emit({ kind: "settled", operation, error });
  }

  *#deliver(to: string, data: Uint8Array, timeoutMs: number | undefined): Flow {
    checkSize(to, data);
    if (to === this.#nodeId) {
      // The listener's own, as from anybody else.
      this.#kernel.event({ name: "data", from: to, data: data.slice() });
      return;
    }
    const member = this.#members.get(to);
    // Who has just spoken to us can be answered, even before it is listed.
    const isThere =
      member && (isPresent(member) || hasCalled(member, this.#kernel.now.monotonicMs));
    if (member === undefined || isThere !== true) throw this.#unknown(to);
    const sending = speaksNative(member)
      ? this.#numbered(member, data)
      : yield* this.#signed(member, data);
    const { to: endpoint } = sending;
    const reply = yield* this.#attempts(member, sending, timeoutMs);
    if (reply.kind === "answer") return;
    const what = `send ${data.length} bytes to "${to}"`;
    if (reply.kind === "failed" && reply.reason !== "full") {
      this.#onSilent(member);
      if (reply.reason === "no-answer") throw deliveryUnknown(what, to, endpoint, reply.detail);
    }
    throw troubleOf(reply, {
      what,
      to: endpoint,
      nodeId: to,
      me: this.#nodeId,
      keyId: this.#keyId,
    });
  }

  /** On a session a number tells repeats. */
  #numbered(member: Member, data: Uint8Array): Sending {
    const head = encodeBytesHead(this.#counts.next(member.nodeId));
    return { to: targetOf(member), type: NativeType.BYTES, head, payload: data };
  }

  /** On the Python wire the signature of the message does. */
  *#signed(member: Member, lent: Uint8Array): Flow<Sending> {
    // What is signed must not change before it is sealed.
    const data = lent.slice();
    checkUnambiguous(member.nodeId, data);
    const { endpoint } = member;
    if (endpoint === undefined) throw this.#unknown(member.nodeId);
    const signature = yield* this.#kernel.sign("python", dataSignedPart(this.#nodeId, data));
    const payload = encodeData({ nodeId: this.#nodeId, signature, payload: data });
    return { to: endpoint, type: MessageType.DATA, payload };
  }

  /** The same bytes each time: a receiver that got them already drops the repeat. */
  *#attempts(
    member: Member,
    { to, type, head, payload }: Sending,
    timeoutMs: number | undefined,
  ): Flow<Reply> {
    const { settings, now } = this.#kernel;
    const budgetMs = timeoutMs ?? PATIENCE_MS + requestTimeoutMs(settings, payload.length);
    const endMs = now.monotonicMs + budgetMs;
    let greeted = false;
    let unreached = 0;
    for (;;) {
      const leftMs = Math.max(1, endMs - this.#kernel.now.monotonicMs);
      const reply = yield* this.#kernel.request(to, type, payload, {
        head,
        answerBytesMax: LIMITS.smallAnswerBytesMax,
        timeoutMs: leftMs,
        takesLate: true,
      });
      if (reply.kind === "answer") return reply;
      const pauseMs = settings.probePauseMs;
      if (isForgotten(reply) && !greeted) {
        greeted = true;
        if (!(yield* this.#greet(member))) return reply;
        continue;
      }
      const reason = reply.kind === "failed" ? reply.reason : undefined;
      if (reason === "unreachable") unreached += 1;
      const mayCome = reason === "unreachable" && unreached < CONNECT_ATTEMPTS;
      const timeLeft = endMs - this.#kernel.now.monotonicMs > pauseMs;
      if (!(mayCome || reason === "full") || !timeLeft) return reply;
      // Where it is full others wait as well: they do not all come at once.
      yield* this.#kernel.sleep(reason === "full" ? this.#kernel.jitter(FULL_PAUSE_MS) : pauseMs);
    }
  }

  *#greet(member: Member): Flow<boolean> {
    const { endpoint } = member;
    if (endpoint === undefined) return false;
    try {
      yield* this.#greeting.greet(endpoint, member.nodeId);
      return true;
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return false;
    }
  }

  #unknown(to: string): DsnError {
    const present = this.#members.present().map(({ nodeId }) => nodeId);
    return new DsnError("DSN_UNKNOWN_NODE", `Cannot send to "${to}": there is no such node`, {
      why:
        present.length === 0
          ? "no other node is known yet"
          : `known nodes: ${present.slice(0, 8).join(", ")}${present.length > 8 ? ", …" : ""}`,
      fix: ["check the id against peers()", "wait for it: waitForPeers([id])"],
      nodeId: to,
    });
  }

  // ---- receiving ------------------------------------------------------------------------------

  /** Takes bytes that came on a session; the application hears of them after the answer. */
  answerBytes(payload: Uint8Array, { nodeId, incarnation }: ProvenPeer): () => void {
    let message: ReturnType<typeof decodeBytes>;
    try {
      message = decodeBytes(payload);
    } catch {
      throw refusals.malformed();
    }
    const isNew = this.#numbers.isNew(nodeId, incarnation, message.number);
    return () => {
      if (!isNew) return;
      this.#kernel.event({ name: "data", from: nodeId, data: keep(message.payload) });
    };
  }

  /** Answers a DATA message; the application hears of it after the answer is on its way. */
  *answer(
    payload: Uint8Array,
  ): Flow<{ readonly payload: Uint8Array; readonly deliver: () => void }> {
    let decoded: ReturnType<typeof decodeData>;
    try {
      decoded = decodeData(payload);
    } catch {
      throw refusals.malformed();
    }
    const { packet, signedPart } = decoded;
    const { nodeId } = packet;
    const member = yield* this.#senders.of(packet, signedPart, refusals.unsignedData);
    if (isGone(member) || member.status === "refused") {
      throw refusals.notInAddressBook(nodeId, true);
    }
    const isNew = this.#repeats.isNew(nodeId, packet.signature);
    if (isNew) member.heardMs = this.#kernel.now.monotonicMs;
    const deliver = () => {
      if (!isNew) return;
      // A copy: the packet is a view into the buffer of the request.
      this.#kernel.event({ name: "data", from: nodeId, data: packet.payload.slice() });
    };
    return { payload: OK, deliver };
  }
}

function checkSize(to: string, data: Uint8Array): void {
  if (data.length > LIMITS.dataBytesMax) {
    throw new DsnError("DSN_MESSAGE_TOO_LARGE", `Cannot send ${data.length} bytes to "${to}"`, {
      why: `a message has at most ${LIMITS.dataBytesMax} bytes`,
      fix: ["send it in parts"],
      nodeId: to,
    });
  }
}

/** D07: signatures of the Python wire do not say what kind of message they are for. */
function checkUnambiguous(to: string, data: Uint8Array): void {
  if (readsAsState(data)) {
    throw new DsnError("DSN_DATA_AMBIGUOUS", `Cannot send this payload to "${to}"`, {
      why: "signed as a message, it could be passed off as a state of this node",
      fix: ["put one byte in front of it"],
      nodeId: to,
    });
  }
}

/** More than this of a buffer that only a part of is kept would be wasted. */
const WASTE_BYTES_MAX = 256;

/** The bytes for the application to keep: a copy of what is only a small part of a buffer. */
function keep(view: Uint8Array): Uint8Array {
  return view.buffer.byteLength - view.byteLength > WASTE_BYTES_MAX ? view.slice() : view;
}

function deliveryUnknown(what: string, to: string, endpoint: Target, detail: string): DsnError {
  return new DsnError("DSN_DELIVERY_UNKNOWN", `Cannot tell whether it arrived: ${what}`, {
    why: printable(detail),
    fix: ["ask the receiver, or make the message harmless to repeat"],
    nodeId: to,
    endpoint: formatAddress(endpoint),
  });
}
