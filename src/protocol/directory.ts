/**
 * MEMBERS in both directions: native peers show each other the signed HELLOs of all members, so
 * that one of them is enough to know everybody and to read every state.
 *
 * A HELLO that is shown proves a key and nothing else. Its node counts as `relayed` until we reach
 * it ourselves; and it is shown only by those who do.
 * @module
 */
import { sha256 } from "../crypto/sha256.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import type { Reply } from "../wire/exchange.ts";
import { decodeHello } from "../wire/hello.ts";
import {
  decodeMembersAnswer,
  decodeMembersRequest,
  encodeMembersAnswer,
  encodeMembersRequest,
  type MemberEntry,
} from "../wire/native-members.ts";
import { NativeType } from "../wire/native-type.ts";
import { isNodeId } from "../wire/node-id.ts";
import { all, type Flow } from "./flow.ts";
import type { Greeting } from "./greeting.ts";
import type { Kernel } from "./kernel.ts";
import {
  isReached,
  type Member,
  SESSION_FEATURE,
  type SignedHello,
  speaksNative,
  targetOf,
} from "./member.ts";
import type { Members } from "./members.ts";
import type { Named } from "./peer-lists.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import type { Trust } from "./trust.ts";

const SUMMARY_BYTES = 8;

export interface DirectoryParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly greeting: Greeting;
  readonly trust: Trust;
  readonly me: { readonly nodeId: string; readonly incarnation: string };
}

export class Directory {
  readonly #parts: DirectoryParts;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
  }

  /** Asks one native peer whom it reaches. Also tells us whether it reaches us. */
  *ask(member: Member): Flow<{ readonly reply: Reply; readonly named: readonly Named[] }> {
    const payload = encodeMembersRequest({ summary: this.#summary(member) });
    const { kernel } = this.#parts;
    const reply = yield* kernel.request(targetOf(member), NativeType.MEMBERS, payload, {
      answerBytesMax: LIMITS.membersAnswerBytesMax,
    });
    if (reply.kind !== "answer") return { reply, named: [] };
    let answer: ReturnType<typeof decodeMembersAnswer>;
    try {
      answer = decodeMembersAnswer(reply.payload);
    } catch {
      return { reply, named: [] };
    }
    if (answer.kind === "same") {
      member.seesUs = true;
      return { reply, named: [] };
    }
    const entries = answer.members.flatMap((entry) => readEntry(entry));
    member.seesUs = entries.some(({ nodeId }) => nodeId === this.#parts.me.nodeId);
    const named = yield* all(entries.map((entry) => this.#consider(entry, member.nodeId)));
    return { reply, named: named.flat() };
  }

  /** Who is to be called because of an entry. Nodes that are new to us are readable from now on. */
  *#consider({ nodeId, signed, endpoint }: ReadEntry, namer: string): Flow<Named[]> {
    const { members, trust, me, greeting } = this.#parts;
    if (nodeId === me.nodeId || !isNodeId(nodeId) || !trust.admitsId(nodeId)) return [];
    const known = members.get(nodeId);
    if (known !== undefined && (isReached(known) || known.status === "suspect")) return [];
    if (known !== undefined) known.helper ??= namer;
    const named = endpoint === undefined ? [] : [{ nodeId, endpoint }];
    if (known !== undefined && known.status !== "relayed") return named;
    if (known === undefined) {
      // Before its signatures are verified, which takes longest.
      if (!members.mayShow(nodeId)) return named;
      const proven = yield* greeting.relayed(signed);
      if (proven === undefined) return [];
      if (proven.block === undefined) return named;
      if (members.get(nodeId) !== undefined || !members.mayShow(nodeId)) return named;
      if (!proven.block.features.includes(SESSION_FEATURE)) return named;
      const member = greeting.enterRelayed(proven)?.member;
      if (member === undefined || !speaksNative(member)) return named;
      member.endpoint ??= endpoint;
      member.helper = namer;
      members.setStatus(member, "relayed", undefined);
    }
    return named;
  }

  /** Answers a MEMBERS request: all whom we reach, the asker among them: so it learns that we do. */
  answer(member: Member, payload: Uint8Array): Uint8Array {
    let request: ReturnType<typeof decodeMembersRequest>;
    try {
      request = decodeMembersRequest(payload);
    } catch {
      throw refusals.malformed();
    }
    if (Buffer.compare(request.summary, this.#summary(member)) === 0) {
      return encodeMembersAnswer({ kind: "same" });
    }
    // A node with a whitelist passes nothing on.
    const shown = this.#parts.trust.isClosed ? [member] : this.#parts.members.present();
    return encodeMembersAnswer({
      kind: "members",
      members: shown.flatMap((one) =>
        one.hello === undefined || one.endpoint === undefined || !isReached(one)
          ? []
          : [{ role: one.hello.role, hello: one.hello.bytes, endpoint: one.endpoint }],
      ),
    });
  }

  /**
   * Of all nodes that are there: the same at two nodes that see the same, but for each other. Not
   * of those that we have only been told of: what others say of them is still news.
   */
  #summary(other: Member): Uint8Array {
    const { members, me } = this.#parts;
    const names = members
      .present()
      .filter(({ nodeId, provisional }) => nodeId !== other.nodeId && !provisional)
      .map(({ nodeId, native }) => `${nodeId} ${native?.incarnation ?? ""}`);
    names.push(`${me.nodeId} ${me.incarnation}`);
    names.push(`${other.nodeId} ${other.native?.incarnation ?? ""}`);
    return sha256(new TextEncoder().encode(names.sort().join("\n"))).slice(0, SUMMARY_BYTES);
  }
}

interface ReadEntry extends Partial<Named> {
  readonly nodeId: string;
  readonly signed: SignedHello;
}

function readEntry({ role, hello, endpoint }: MemberEntry): ReadEntry[] {
  let nodeId: string;
  try {
    ({ nodeId } = decodeHello(hello).hello);
  } catch {
    return [];
  }
  const usable = endpoint !== undefined && isHostAddress(endpoint.address) && isPort(endpoint.port);
  const signed = { role, bytes: hello };
  return [usable ? { nodeId, signed, endpoint } : { nodeId, signed }];
}
