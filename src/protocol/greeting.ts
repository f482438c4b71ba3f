/**
 * Says HELLO, and checks who answers.
 *
 * Nothing of a HELLO is believed before its signature has verified with the key that it carries,
 * and no key is pinned before that (D02, D03). The reference verifies neither.
 *
 * Source: `dsnode.py`, `send_hello`; `docs/protocol.md`, HELLO.
 * @module
 */
import { fingerprint } from "../crypto/identity.ts";
import { DsnError } from "../errors.ts";
import { isHostAddress } from "../wire/address.ts";
import { type Address, formatAddress, type Reply, sameAddress } from "../wire/exchange.ts";
import type { Hello } from "../wire/hello.ts";
import { MessageType, PROTOCOL_VERSION } from "../wire/message-type.ts";
import type { Alerts } from "./alerts.ts";
import type { Enrolment, Greeted } from "./enrolment.ts";
import type { Flow } from "./flow.ts";
import { type ProvenHello, proveHello } from "./hello-proof.ts";
import { downgraded, identityChanged, otherVersion } from "./identity-troubles.ts";
import type { Kernel } from "./kernel.ts";
import { noteProven, noteRoundTrip } from "./member.ts";
import type { Self } from "./self.ts";
import { LIMITS } from "./settings.ts";
import { printable, troubleOf } from "./troubles.ts";
import { sameBytes, type Trust } from "./trust.ts";
import type { Twins } from "./twins.ts";

/** Everybody may greet one bootstrap node at once: it answers one after the other. */
const PATIENCE_MS = 8_000;

export interface GreetingParts {
  readonly kernel: Kernel;
  readonly self: Self;
  readonly trust: Trust;
  readonly alerts: Alerts;
  readonly twins: Twins;
  readonly enrolment: Enrolment;
  /** First digits of a hash of the network key; undefined without one. */
  readonly keyId: string | undefined;
}

export class Greeting {
  readonly #parts: GreetingParts;

  constructor(parts: GreetingParts) {
    this.#parts = parts;
  }

  /**
   * Says HELLO to whoever listens at `to`.
   *
   * @param expected The id that must answer there, if we know it.
   * @throws {DsnError} with the reason, when no node of our network could be greeted there.
   */
  *greet(to: Address, expected?: string): Flow<Greeted> {
    const { kernel, self, twins, enrolment, keyId } = this.#parts;
    const what =
      expected === undefined ? `join through ${formatAddress(to)}` : `reach ${printable(expected)}`;
    const context = { what, to, nodeId: expected, me: self.nodeId, keyId };
    const { payload, nonce } = yield* self.hello("request", undefined, "");
    const sentMs = kernel.now.monotonicMs;
    twins.asks(nonce);
    const reply = yield* kernel.request(to, MessageType.HELLO, payload, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
      patienceMs: PATIENCE_MS,
    });
    const askedOurselves = twins.askedOurselves(nonce);
    if (reply.kind !== "answer") {
      const trouble = troubleOf(reply, context);
      if (trouble.code !== "DSN_SELF" || askedOurselves) throw trouble;
      throw twins.twin(formatAddress(to), "another process there has our own key");
    }
    const where = formatAddress(to);
    const proven = yield* this.#proveAnswer(reply.payload, nonce, where, what);
    this.#checkIdentity(proven, to, what);
    const { nodeId } = proven.hello;
    if (expected !== undefined && nodeId !== expected) {
      throw new DsnError("DSN_REFUSED", `Cannot ${what}: "${printable(nodeId)}" answers there`, {
        why: "the address has passed to another node",
        endpoint: where,
        nodeId: expected,
      });
    }
    const greeted = enrolment.enter(proven, "answers us", sentMs);
    if (greeted === undefined) {
      throw new DsnError("DSN_PEER_LIMIT", `Cannot ${what}: ${LIMITS.membersMax} nodes are known`, {
        why: "every member costs memory and a probe each tick",
        endpoint: where,
      });
    }
    if (greeted.isOver === true) {
      throw new DsnError("DSN_UNREACHABLE", `Cannot ${what}: the process at ${where} has ended`, {
        why: "another process of that node has shown itself while the answer was under way",
        endpoint: where,
        nodeId,
      });
    }
    this.#noteAnswer(greeted, proven, reply, sentMs);
    return greeted;
  }

  /** The HELLO that answers ours. */
  *#proveAnswer(
    payload: Uint8Array,
    nonce: Uint8Array,
    where: string,
    what: string,
  ): Flow<ProvenHello> {
    const proven = yield* proveHello(this.#parts.kernel, payload, "answer");
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
    return proven;
  }

  /** Whether whoever answers may be a member of our network. */
  #checkIdentity(proven: ProvenHello, to: Address, what: string): void {
    const { self, trust, twins, enrolment } = this.#parts;
    const where = formatAddress(to);
    const { hello, block } = proven;
    const { nodeId, publicKey } = hello;
    if (hello.version !== PROTOCOL_VERSION) throw otherVersion(hello, where);
    if (nodeId === self.nodeId) throw twins.troubleOf(proven, where);
    if (!trust.admits(nodeId, publicKey)) throw notOnWhitelist(hello, where, what);
    if (!trust.accepts(nodeId, publicKey)) {
      throw this.#raised(identityChanged(hello, trust.keyOf(nodeId), where), nodeId);
    }
    if (block === undefined && trust.isNative(nodeId)) {
      throw this.#raised(downgraded(nodeId, where), nodeId);
    }
    const holder = enrolment.holderOf(proven);
    if (holder === undefined) return;
    if (!holder.provisional) {
      throw this.#raised(identityChanged(hello, holder.publicKey, where), nodeId);
    }
    // Who answers where it is has the name, unless that signs no nonce of ours: perhaps a recording.
    if (block === undefined || !sameAddress(holder.endpoint, to)) throw claimed(hello, where, what);
  }

  #raised(trouble: DsnError, nodeId: string): DsnError {
    this.#parts.alerts.raise(trouble, nodeId);
    return trouble;
  }

  #noteAnswer(
    { member }: Greeted,
    { hello, block }: ProvenHello,
    { server, peerUnixSeconds }: Extract<Reply, { kind: "answer" }>,
    sentMs: number,
  ): void {
    const { monotonicMs, unixSeconds } = this.#parts.kernel.now;
    noteRoundTrip(member, monotonicMs - sentMs);
    member.server = server === undefined ? undefined : printable(server);
    if (peerUnixSeconds !== undefined) {
      member.clockOffsetSeconds = peerUnixSeconds - Math.floor(unixSeconds);
    }
    // A native answer signs our nonce, a Python answer may be a recording.
    if (block !== undefined) {
      member.heardMs = monotonicMs;
      noteProven(member, monotonicMs);
    }
    if (isHostAddress(hello.detectedAddress)) this.#parts.self.observe(hello.detectedAddress);
  }
}

/** No verdict on the holder: whoever is on the way could bring that about. */
function claimed({ nodeId }: Hello, where: string, what: string): DsnError {
  return new DsnError("DSN_BAD_SIGNATURE", `Cannot ${what}: ${where} claims a name that is taken`, {
    why: `"${printable(nodeId)}" has another key, and answers others`,
    fix: ["look for a third party between the two machines, or for two nodes of one name"],
    endpoint: where,
  });
}

function notOnWhitelist({ nodeId, publicKey }: Hello, where: string, what: string): DsnError {
  return new DsnError(
    "DSN_NOT_WHITELISTED",
    `Cannot ${what}: "${nodeId}" is not on our whitelist`,
    {
      why: `its key is ${fingerprint(publicKey)}`,
      fix: [`add "${nodeId}" to whitelist_node_ids`],
      endpoint: where,
      nodeId,
    },
  );
}
