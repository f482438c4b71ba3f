/**
 * HELLO in both directions: how two nodes get to know each other.
 *
 * Nothing of a HELLO is believed before its signature has verified with the key that it carries,
 * and no key is pinned before that (D02, D03). The reference verifies neither.
 *
 * Source: `dsnode.py`, `handle_hello` and `send_hello`; `docs/protocol.md`, HELLO.
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import { fingerprint } from "../crypto/identity.ts";
import { DsnError } from "../errors.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import { type Address, formatAddress } from "../wire/exchange.ts";
import { decodeHello, encodeHello, type Hello } from "../wire/hello.ts";
import {
  blockSignedPart,
  decodeHelloBlock,
  type HelloBlock,
  type HelloRole,
  stripNativeMark,
} from "../wire/hello-block.ts";
import { MessageType, PROTOCOL_VERSION } from "../wire/message-type.ts";
import { isNodeId } from "../wire/node-id.ts";
import type { Alerts } from "./alerts.ts";
import { tellFeatures } from "./features.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import {
  isPresent,
  isReached,
  type Member,
  noteProven,
  resetPush,
  SESSION_FEATURE,
  type SignedHello,
  speaksNative,
} from "./member.ts";
import type { Members } from "./members.ts";
import * as refusals from "./refusal.ts";
import { Refusal } from "./refusal.ts";
import type { Self } from "./self.ts";
import { LIMITS } from "./settings.ts";
import { printable, troubleOf } from "./troubles.ts";
import { sameBytes, type Trust } from "./trust.ts";

/** More live incarnations than this are not told apart. */
const FORMER_INCARNATIONS_MAX = 8;

export interface Greeted {
  readonly member: Member;
  /** The process behind the id is another one than we knew. */
  readonly restarted: boolean;
  /** For requests: the HELLO is newer than any before, so a replay is ruled out. */
  readonly fresh: boolean;
}

/** A HELLO whose signatures have verified. */
export interface ProvenHello {
  readonly hello: Hello;
  readonly block: HelloBlock | undefined;
  /** As it came. */
  readonly signed: SignedHello;
}

/** A HELLO of ours that asks, until its answer has come. */
export interface OpenHello {
  readonly payload: Uint8Array;
  readonly nonce: Uint8Array;
}

export class Greeting {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #members: Members;
  readonly #trust: Trust;
  readonly #alerts: Alerts;
  readonly #keyId: string | undefined;
  /** Nonces of our own HELLOs under way; those that came back to us prove that we called ourselves. */
  readonly #nonces = new Map<string, { cameBack: boolean }>();
  /** Asks a member itself whose name somebody else claims. */
  onContested: (member: Member) => void = () => undefined;

  constructor(
    kernel: Kernel,
    self: Self,
    members: Members,
    trust: Trust,
    alerts: Alerts,
    keyId: string | undefined,
  ) {
    this.#kernel = kernel;
    this.#self = self;
    this.#members = members;
    this.#trust = trust;
    this.#alerts = alerts;
    this.#keyId = keyId;
  }

  /**
   * Says HELLO to whoever listens at `to`.
   *
   * @param expected The id that must answer there, if we know it.
   * @throws {DsnError} with the reason, when no node of our network could be greeted there.
   */
  *greet(to: Address, expected?: string): Flow<Greeted> {
    const what =
      expected === undefined ? `join through ${formatAddress(to)}` : `reach ${printable(expected)}`;
    const context = { what, to, nodeId: expected, me: this.#self.nodeId, keyId: this.#keyId };
    const { payload, nonce } = yield* this.#self.hello("request", undefined, "");
    const sentMs = this.#kernel.now.monotonicMs;
    const returned = { cameBack: false };
    this.#nonces.set(toHex(nonce), returned);
    const reply = yield* this.#kernel.request(to, MessageType.HELLO, payload, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    this.#nonces.delete(toHex(nonce));
    if (reply.kind !== "answer") {
      const trouble = troubleOf(reply, context);
      if (trouble.code !== "DSN_SELF" || returned.cameBack) throw trouble;
      throw this.#twinError(formatAddress(to), "another process there has our own key");
    }
    const proven = yield* this.#proveAnswer(reply.payload, nonce, to, what);
    const { hello, block } = proven;
    if (expected !== undefined && hello.nodeId !== expected) {
      throw new DsnError(
        "DSN_REFUSED",
        `Cannot ${what}: "${printable(hello.nodeId)}" answers there`,
        {
          why: "the address has passed to another node",
          endpoint: formatAddress(to),
          nodeId: expected,
        },
      );
    }
    const greeted = this.#enter(proven, "answers us", sentMs);
    if (greeted === undefined) {
      throw new DsnError("DSN_PEER_LIMIT", `Cannot ${what}: ${LIMITS.membersMax} nodes are known`, {
        why: "every member costs memory and a probe each tick",
        endpoint: formatAddress(to),
      });
    }
    const { member } = greeted;
    member.rttMs = this.#kernel.now.monotonicMs - sentMs;
    member.server = reply.server;
    if (reply.peerUnixSeconds !== undefined) {
      member.clockOffsetSeconds = reply.peerUnixSeconds - Math.floor(this.#kernel.now.unixSeconds);
    }
    // A native answer signs our nonce, a Python answer may be a recording.
    if (block !== undefined) {
      member.heardMs = this.#kernel.now.monotonicMs;
      noteProven(member, this.#kernel.now.monotonicMs);
    }
    if (isHostAddress(hello.detectedAddress)) this.#self.observe(hello.detectedAddress);
    return greeted;
  }

  /** Answers a HELLO. Returns the payload to answer with, and who greeted us. */
  *answer(
    payload: Uint8Array,
    from: string,
  ): Flow<{
    readonly payload: Uint8Array;
    readonly greeted: Greeted;
    readonly endpoint: Address | undefined;
  }> {
    const { hello, block, signed } = yield* this.#proveRequest(payload);
    const me = this.#self.nodeId;
    if (hello.nodeId === me) throw this.#ownIdRefusal(hello, block, from);
    if (!this.#trust.admits(hello.nodeId, hello.publicKey)) {
      throw refusals.notWhitelisted(hello.nodeId, me);
    }
    if (hello.version !== PROTOCOL_VERSION) {
      this.#alerts.raise(versionError(hello, from), hello.nodeId);
      throw refusals.versionMismatch(hello.version, hello.nodeId, PROTOCOL_VERSION, me);
    }
    if (!this.#trust.accepts(hello.nodeId, hello.publicKey)) {
      this.#alerts.raise(this.#identityChanged(hello, from), hello.nodeId);
      throw refusals.keyChanged(hello.nodeId);
    }
    if (block === undefined && this.#trust.isNative(hello.nodeId)) {
      this.#alerts.raise(this.#downgraded(hello.nodeId, from), hello.nodeId);
      throw refusals.sessionsOnly();
    }
    const known = this.#members.get(hello.nodeId);
    if (known !== undefined && this.#isContested(known, hello)) {
      this.onContested(known);
      throw refusals.keyChanged(hello.nodeId);
    }
    if (known === undefined) this.#members.makeRoomFor(from, LIMITS.joiningPerSourceMax);
    const greeted = this.#enter({ hello, block, signed }, "asks");
    if (greeted === undefined) throw new Refusal(503, "Too many nodes", true);
    greeted.member.source = from;
    const endpoint = isPort(hello.port) ? { address: from, port: hello.port } : undefined;
    const answer = yield* this.#self.hello("answer", block?.nonce, from);
    return { payload: answer.payload, greeted, endpoint };
  }

  /**
   * Somebody claims the name of a node that others have shown us under another key, and that we
   * have not called yet: first it is asked itself. Whoever answers us there has the name.
   */
  #isContested(known: Member, { publicKey }: Hello): boolean {
    return known.provisional && isReached(known) && !sameBytes(known.publicKey, publicKey);
  }

  /**
   * A HELLO of another node that a native peer has shown us.
   *
   * @returns undefined when it proves nothing, or is of a node that is not let in.
   */
  *relayed(signed: SignedHello): Flow<ProvenHello | undefined> {
    const proven = yield* this.prove(signed.bytes, signed.role);
    if (proven === undefined || typeof proven === "string") return undefined;
    const { nodeId, publicKey, version } = proven.hello;
    const welcome =
      version === PROTOCOL_VERSION &&
      nodeId !== this.#self.nodeId &&
      this.#trust.admits(nodeId, publicKey) &&
      this.#trust.accepts(nodeId, publicKey);
    return welcome ? proven : undefined;
  }

  /** Enters a node that only others have met, or what they know of it newer than we do. */
  enterRelayed(proven: ProvenHello): Greeted | undefined {
    return this.#enter(proven, "is shown");
  }

  /** A HELLO that others are to pass on to a node that we do not reach. */
  *open(): Flow<OpenHello> {
    return yield* this.#self.hello("request", undefined, "");
  }

  /** The answer to {@link open}, passed on by others: whether it proves that the member lives. */
  *answers(member: Member, payload: Uint8Array, { nonce }: OpenHello): Flow<boolean> {
    const proven = yield* this.prove(payload, "answer");
    if (proven === undefined || typeof proven === "string") return false;
    const { hello, block } = proven;
    const answered = block?.answered;
    if (answered === undefined || !sameBytes(answered, nonce)) return false;
    if (hello.nodeId !== member.nodeId || !sameBytes(hello.publicKey, member.publicKey)) {
      return false;
    }
    return this.#enter(proven, "is shown")?.member === member;
  }

  /** Answers a HELLO that a native peer passes on for a node that does not reach us. */
  *answerRelayed(payload: Uint8Array): Flow<Uint8Array> {
    const { hello, block, signed } = yield* this.#proveRequest(payload);
    const proven = block === undefined ? undefined : yield* this.relayed(signed);
    if (proven === undefined) throw refusals.notWhitelisted(hello.nodeId, this.#self.nodeId);
    return (yield* this.#self.hello("answer", block?.nonce, "")).payload;
  }

  *#proveRequest(payload: Uint8Array): Flow<ProvenHello> {
    const proven = yield* this.prove(payload, "request");
    if (typeof proven === "string") throw refusals.malformed();
    if (proven === undefined) {
      throw new Refusal(401, "Could not verify ECDSA signature of packet", false);
    }
    return proven;
  }

  *#proveAnswer(
    payload: Uint8Array,
    nonce: Uint8Array,
    to: Address,
    what: string,
  ): Flow<ProvenHello> {
    const where = formatAddress(to);
    const proven = yield* this.prove(payload, "answer");
    if (typeof proven === "string") {
      throw new DsnError("DSN_NOT_DSN", `Cannot ${what}: ${where} answered, but not with a HELLO`, {
        why: proven,
        fix: ["check the address and the port"],
        endpoint: where,
      });
    }
    const answersUs =
      proven !== undefined &&
      (proven.block === undefined ||
        (proven.block.answered !== undefined && sameBytes(proven.block.answered, nonce)));
    if (proven === undefined || !answersUs) {
      throw new DsnError(
        "DSN_BAD_SIGNATURE",
        `Cannot ${what}: the HELLO of ${where} is forged or old`,
        {
          why:
            proven === undefined ? "its signature does not verify" : "it answers another request",
          fix: ["look for a third party between the two machines"],
          endpoint: where,
        },
      );
    }
    const { hello } = proven;
    if (hello.version !== PROTOCOL_VERSION) throw versionError(hello, where);
    if (hello.nodeId === this.#self.nodeId) throw this.#selfError(proven, where);
    if (!this.#trust.admits(hello.nodeId, hello.publicKey)) {
      throw new DsnError(
        "DSN_NOT_WHITELISTED",
        `Cannot ${what}: "${hello.nodeId}" is not on our whitelist`,
        {
          why: `its key is ${fingerprint(hello.publicKey)}`,
          fix: [`add "${hello.nodeId}" to whitelist_node_ids`],
          endpoint: where,
          nodeId: hello.nodeId,
        },
      );
    }
    if (!this.#trust.accepts(hello.nodeId, hello.publicKey)) {
      const error = this.#identityChanged(hello, where);
      this.#alerts.raise(error, hello.nodeId);
      throw error;
    }
    if (proven.block === undefined && this.#trust.isNative(hello.nodeId)) {
      const error = this.#downgraded(hello.nodeId, where);
      this.#alerts.raise(error, hello.nodeId);
      throw error;
    }
    return proven;
  }

  /** The HELLO if all its signatures verify, undefined if not, or why it is no HELLO. */
  *prove(payload: Uint8Array, role: HelloRole): Flow<ProvenHello | undefined | string> {
    let decoded: ReturnType<typeof decodeHello>;
    let parsed: ReturnType<typeof decodeHelloBlock>;
    try {
      decoded = decodeHello(payload);
      parsed = decodeHelloBlock(decoded.trailing);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const { hello, signedPart } = decoded;
    if (!isNodeId(hello.nodeId)) return `"${printable(hello.nodeId)}" cannot be a node id`;
    if (hello.publicKey.length !== 64) return "its public key is not 64 bytes";
    const kernel = this.#kernel;
    if (!(yield* kernel.verify(hello.publicKey, "python", signedPart, hello.signature)))
      return undefined;
    const signed = { role, bytes: payload.slice() };
    // The mark is covered by the HELLO's own signature: without its block, somebody cut it off.
    if (parsed === undefined) {
      return stripNativeMark(hello.address).native
        ? undefined
        : { hello: keep(hello), block: undefined, signed };
    }
    const helloBytes = encodeHello({ ...hello, detectedAddress: "" });
    const message = blockSignedPart(role, helloBytes, parsed.body);
    if (!(yield* kernel.verify(hello.publicKey, "native", message, parsed.signature)))
      return undefined;
    return { hello: keep(hello), block: parsed.block, signed };
  }

  /**
   * Enters a proven HELLO into the table. Undefined when the table is full.
   *
   * @param how An answer signs a nonce of ours, so it is fresh whatever its clock says. One that
   *   is shown was said to somebody else: its key is not pinned.
   * @param askedMs When the question was sent that it answers.
   */
  #enter(
    { hello, block, signed }: ProvenHello,
    how: Meeting,
    askedMs = Number.POSITIVE_INFINITY,
  ): Greeted | undefined {
    const { nodeId, publicKey } = hello;
    const answersUs = how === "answers us";
    let member = this.#members.get(nodeId);
    if (member !== undefined && !sameBytes(member.publicKey, publicKey)) {
      // A key that was proven to us beats one that we were told, never the other way round.
      if (how === "is shown") return undefined;
      this.#members.remove(member);
      member = undefined;
    }
    const unknown = member === undefined;
    member ??= this.#members.add(nodeId, publicKey);
    if (member === undefined) return undefined;
    if (how === "is shown") {
      if (unknown) member.provisional = true;
      return this.#enterShown(member, block, signed);
    }
    // A node with sessions proves itself on one, or when it answers us; what asks may be a recording
    // of an identity that was given up.
    const proves = answersUs || block?.features.includes(SESSION_FEATURE) !== true;
    if (proves) {
      member.provisional = false;
      this.#trust.pin(nodeId, publicKey);
    } else if (unknown) member.provisional = this.#trust.keyOf(nodeId) === undefined;
    member.hello = signed;
    // Who greets us need not get our answer: it may have given up before we read its HELLO.
    if (answersUs) member.push.needsHello = false;
    this.#alerts.clear(nodeId, "DSN_PEER_IDENTITY_CHANGED", "DSN_VERSION_MISMATCH");
    if (block !== undefined) this.#alerts.clear(nodeId, "DSN_NATIVE_DOWNGRADE");
    if (block === undefined) return this.#enterPython(member, answersUs);
    const greeted = this.#enterBlock(member, block, answersUs, askedMs);
    if (speaksNative(member) && !member.provisional) this.#trust.pinNative(nodeId);
    return greeted;
  }

  /** What others show counts only when it is newer than what we know; it is no word to us. */
  #enterShown(member: Member, block: HelloBlock | undefined, signed: SignedHello): Greeted {
    const known = member.native?.issued ?? Number.NEGATIVE_INFINITY;
    if (block === undefined || block.issued <= known) {
      member.hello ??= signed;
      return { member, restarted: false, fresh: false };
    }
    const { heardMs } = member;
    member.hello = signed;
    const greeted = this.#enterBlock(member, block, false);
    member.heardMs = heardMs;
    return greeted;
  }

  /**
   * A node that was native and comes back without its block runs another implementation now. A
   * recording may say so as well, so it is believed only of one that was gone, where it answers us.
   */
  #enterPython(member: Member, answersUs: boolean): Greeted {
    const became = answersUs && member.native !== undefined && !isPresent(member);
    if (became) {
      member.native = undefined;
      resetPush(member);
    }
    return { member, restarted: became, fresh: false };
  }

  /** @param askedMs When the question was sent that this answers; infinity for none. */
  #enterBlock(
    member: Member,
    block: HelloBlock,
    answersUs: boolean,
    askedMs = Number.POSITIVE_INFINITY,
  ): Greeted {
    const known = member.native;
    const issued = Math.max(block.issued, known?.issued ?? Number.NEGATIVE_INFINITY);
    if (!answersUs && known !== undefined && block.issued <= known.issued) {
      return { member, restarted: false, fresh: false };
    }
    const incarnation = toHex(block.incarnation);
    const restarted = known !== undefined && known.incarnation !== incarnation;
    // Its heir has shown itself while the answer was under way: whoever gave it has ended.
    if (restarted && askedMs < member.incarnationMs && block.issued < known.issued) {
      return { member, restarted: false, fresh: false };
    }
    if (known?.incarnation !== incarnation) member.incarnationMs = this.#kernel.now.monotonicMs;
    if (restarted) {
      resetPush(member);
      if (member.replica?.kind === "native") member.replica.orphan();
    }
    if (answersUs) this.#noteProven(member, incarnation);
    const addresses = block.addresses.filter(
      ({ address, port }) => isHostAddress(address) && isPort(port),
    );
    const { features } = block;
    // Only its answer to us shows that a node has given up sessions: all else may be a recording.
    const offers =
      features.includes(SESSION_FEATURE) || (!answersUs && this.#trust.isNative(member.nodeId));
    const sessions = offers && this.#self.features.includes(SESSION_FEATURE);
    member.native = { incarnation, issued, features, sessions, addresses };
    member.heardMs = this.#kernel.now.monotonicMs;
    // Another process of it may do more, or less.
    if (restarted) {
      tellFeatures(this.#kernel, member);
      if (isPresent(member)) this.#members.onNews(member);
    }
    return { member, restarted, fresh: true };
  }

  /** Only answers to us count: recordings bring back incarnations that have long ended. */
  #noteProven(member: Member, incarnation: string): void {
    const { provenIncarnation: last, formerIncarnations } = member;
    if (last === incarnation) return;
    if (formerIncarnations.includes(incarnation)) this.#raiseDuplicate(member);
    member.provenIncarnation = incarnation;
    member.formerIncarnations = [...formerIncarnations, ...(last === undefined ? [] : [last])]
      .filter((former) => former !== incarnation)
      .slice(-FORMER_INCARNATIONS_MAX);
  }

  #downgraded(nodeId: string, where: string): DsnError {
    return new DsnError(
      "DSN_NATIVE_DOWNGRADE",
      `"${nodeId}" came back as a node of another implementation and was not let in`,
      {
        why: `it used sessions before, and its HELLO from ${where} offers none`,
        fix: [
          "if it runs another implementation now: forgetIdentity() here",
          "if not: look for a third party between the two machines",
        ],
        nodeId,
        endpoint: where,
      },
    );
  }

  #raiseDuplicate(member: Member): void {
    this.raiseDuplicate(
      member.nodeId,
      `two processes take turns as "${member.nodeId}", one at ${member.endpoint === undefined ? "an unknown address" : formatAddress(member.endpoint)}, one at ${member.source ?? "an unknown address"}`,
    );
  }

  raiseDuplicate(nodeId: string, why: string): void {
    this.#alerts.raise(
      new DsnError("DSN_DUPLICATE_IDENTITY", `Two live nodes use the identity of "${nodeId}"`, {
        why,
        fix: [
          "stop one of them",
          "give a cloned machine a new identity: delete its credentials folder",
        ],
        nodeId,
      }),
      nodeId,
    );
  }

  #ownIdRefusal(hello: Hello, block: HelloBlock | undefined, from: string): Refusal {
    if (!sameBytes(hello.publicKey, this.#self.publicKey)) return refusals.keyChanged(hello.nodeId);
    const sent = block === undefined ? undefined : this.#nonces.get(toHex(block.nonce));
    if (sent !== undefined) sent.cameBack = true;
    // A Python process with our key sends no block. What was said before we began is a recording.
    const isTwin =
      block === undefined ||
      (toHex(block.incarnation) !== this.#self.incarnation &&
        block.issued > this.#self.startedSeconds);
    if (isTwin) {
      this.raiseDuplicate(hello.nodeId, `another process called us from ${from} with our own key`);
    }
    return refusals.ownId(true);
  }

  #selfError({ hello, block }: ProvenHello, where: string): DsnError {
    const { nodeId } = hello;
    const ourselves = block !== undefined && toHex(block.incarnation) === this.#self.incarnation;
    if (ourselves) {
      return new DsnError("DSN_SELF", `${where} is this node itself`, {
        why: "the address is our own",
        fix: ["remove it from the bootstrap nodes"],
        endpoint: where,
      });
    }
    if (sameBytes(hello.publicKey, this.#self.publicKey)) {
      return this.#twinError(where, "another process answers there with our own key");
    }
    return new DsnError("DSN_DUPLICATE_IDENTITY", `${where} answers with our own id "${nodeId}"`, {
      why: "two nodes of one network need two ids",
      fix: ["give one of the two nodes another id"],
      endpoint: where,
      nodeId,
    });
  }

  /** Reported on our side, and the reason why we are not let in. */
  #twinError(where: string, why: string): DsnError {
    const { nodeId } = this.#self;
    this.raiseDuplicate(nodeId, `${where}: ${why}`);
    return new DsnError("DSN_DUPLICATE_IDENTITY", `${where} answers with our own id "${nodeId}"`, {
      why,
      fix: ["give a cloned machine a new identity: delete its credentials folder"],
      endpoint: where,
      nodeId,
    });
  }

  #identityChanged(hello: Hello, where: string): DsnError {
    const pinned = this.#trust.keyOf(hello.nodeId);
    const { nodeId } = hello;
    return new DsnError(
      "DSN_PEER_IDENTITY_CHANGED",
      `"${nodeId}" came back with another identity and was not let in`,
      {
        why: `known as ${pinned === undefined ? "-" : fingerprint(pinned)}, now ${fingerprint(hello.publicKey)} at ${where}`,
        fix: [
          "if that machine was reinstalled: forgetIdentity() here",
          "if not: somebody else uses its name",
        ],
        nodeId,
        endpoint: where,
      },
    );
  }
}

/** How we come by a HELLO. */
type Meeting = "asks" | "answers us" | "is shown";

/** Copies what is kept: the HELLO's fields are views into a buffer that must not live on. */
function keep(hello: Hello): Hello {
  return { ...hello, publicKey: hello.publicKey.slice(), signature: hello.signature.slice() };
}

function versionError(hello: Hello, where: string): DsnError {
  const theirs = printable(hello.version);
  return new DsnError(
    "DSN_VERSION_MISMATCH",
    `"${hello.nodeId}" speaks protocol ${theirs}, this node ${PROTOCOL_VERSION}`,
    {
      why: "nodes of the Python wire talk only to exactly the same version",
      fix: ["update the older side"],
      nodeId: hello.nodeId,
      endpoint: where,
    },
  );
}
