/**
 * What a peer's answer means, in words a person can act on: the reason behind every failure.
 *
 * Source: the refusals of the reference, `dsnode.py` and `handler.py`; see `docs/protocol.md`.
 * @module
 */
import { DsnError, type DsnErrorCode } from "../errors.ts";
import { type Address, formatAddress, type Reply } from "../wire/exchange.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";

type Failure = Exclude<Reply, { kind: "answer" }>;

export interface TroubleContext {
  /** What could not be done, to end the sentence "Cannot …". */
  readonly what: string;
  readonly to: Address;
  readonly nodeId?: string | undefined;
  /** Our own id. */
  readonly me: string;
  /** First digits of a hash of our network key, or undefined without one. */
  readonly keyId: string | undefined;
}

interface Explanation {
  readonly code: DsnErrorCode;
  readonly says: string;
  readonly why: string;
  readonly fix: readonly string[];
}

/** The error for a reply that is no answer. */
export function troubleOf(reply: Failure, context: TroubleContext): DsnError {
  const explanation =
    reply.kind === "refused" ? explainRefusal(reply, context) : explainFailure(reply, context);
  return new DsnError(explanation.code, `Cannot ${context.what}: ${explanation.says}`, {
    why: explanation.why,
    fix: explanation.fix,
    nodeId: context.nodeId,
    endpoint: formatAddress(context.to),
  });
}

function explainFailure(
  reply: Extract<Reply, { kind: "failed" }>,
  { to, keyId }: TroubleContext,
): Explanation {
  const where = formatAddress(to);
  // It may quote the peer: a header, or the name that it gives itself.
  const detail = printable(reply.detail);
  switch (reply.reason) {
    case "unreachable":
      return {
        code: "DSN_UNREACHABLE",
        says: `${where} cannot be reached`,
        why: detail,
        fix: [
          "check that the node runs and that its address and port are right",
          `let TCP ${to.port} through on the way (firewall, container port)`,
        ],
      };
    case "full":
      return {
        code: "DSN_UNREACHABLE",
        says: `${where} takes less than it is sent`,
        why: detail,
        fix: ["wait for some of what was sent before you send more"],
      };
    case "no-answer":
      return {
        code: "DSN_UNREACHABLE",
        says: `${where} did not answer in time`,
        why: detail,
        fix: ["check that the node there is not paused or overloaded"],
      };
    case "not-dsn":
      return keyId === undefined
        ? notDsn(where, detail)
        : {
            code: "DSN_NOT_DSN",
            says: `what ${where} answered does not open with our network key`,
            why: detail,
            fix: ["check that a node of this network listens there, with the same network key"],
          };
    case "too-large":
      return {
        code: "DSN_PEER_LIMIT",
        says: `the answer of ${where} is larger than allowed`,
        why: detail,
        fix: ["check what listens there"],
      };
    case "closed":
      return {
        code: "DSN_STOPPED",
        says: "this node is stopping",
        why: detail,
        fix: [],
      };
  }
}

function explainRefusal(
  { status, text }: Extract<Reply, { kind: "refused" }>,
  context: TroubleContext,
): Explanation {
  const { to, me, keyId } = context;
  const where = context.nodeId === undefined ? formatAddress(to) : printable(context.nodeId);
  const isPage = /<html|<!doctype/i.test(text);
  const answer = isPage
    ? `it answered ${status} with a web page`
    : `it answered ${status}${text === "" ? "" : ` "${printable(text)}"`}`;
  if (status === 401 && text === "Missing or incorrect encryption key") {
    return keyId === undefined
      ? {
          code: "DSN_KEY_REFUSED",
          says: `${where} uses a network key and we do not`,
          why: answer,
          fix: ["start this node with the network key of that network"],
        }
      : {
          code: "DSN_KEY_REFUSED",
          says: `${where} refused us: its network key is probably not ours`,
          why: `${answer}; our key has id ${keyId}`,
          fix: ["compare key ids on both machines, and use the same key file"],
        };
  }
  if (status === 400 && text === "" && keyId !== undefined) {
    return {
      code: "DSN_KEY_UNEXPECTED",
      says: `${where} answered, but it does not use a network key and we do`,
      why: "it read our sealed message as plain text",
      fix: ["give that network a key, or start this node without one"],
    };
  }
  if (status === 505) {
    return {
      code: "DSN_VERSION_MISMATCH",
      says: `${where} speaks another protocol version than ${PROTOCOL_VERSION}`,
      why: answer,
      fix: ["update the older side"],
    };
  }
  if (status === 401 && text.endsWith("'s whitelist")) {
    return {
      code: "DSN_NOT_WHITELISTED",
      says: `${where} does not let us in: "${me}" is not on its whitelist`,
      why: answer,
      fix: [`add "${me}" to whitelist_node_ids there`],
    };
  }
  if (text === `Cannot verify ECDSA key for ${me}` || text.startsWith("Could not verify ECDSA")) {
    return {
      code: "DSN_IDENTITY_REFUSED",
      says: `${where} knows another identity under our name "${me}"`,
      why: `${answer}; it was first met with another key`,
      fix: [
        `if this machine was reinstalled, forget the old key there (delete ${me}.pub in its credentials)`,
        "if another node has this name, rename one of the two",
      ],
    };
  }
  if (status === 401 && text.startsWith("Could not find ")) {
    return {
      code: "DSN_ONE_WAY",
      says: `${where} does not list us: it cannot call us back`,
      why: `${answer}; it drops nodes that do not answer its calls`,
      fix: [
        "open our TCP port to that machine (firewall, container port)",
        "set network_ip to an address that it can reach",
      ],
    };
  }
  if (status === 406 && text === "Origin and destination are the same") {
    return {
      code: "DSN_SELF",
      says: `a node with our own id "${me}" answers at ${formatAddress(to)}`,
      why: answer,
      fix: [
        "remove our own address from the bootstrap nodes",
        "or give one of the two nodes another id",
      ],
    };
  }
  if (status === 404 || status === 501 || isPage) {
    return notDsn(formatAddress(to), answer);
  }
  if (status === 503) {
    return {
      code: "DSN_REFUSED",
      says: text === "Leaving" ? `${where} is stopping` : `${where} has too much to do at present`,
      why: answer,
      fix: ["try again a moment later"],
    };
  }
  return {
    code: "DSN_REFUSED",
    says: `${where} refused`,
    why: answer,
    fix: ["look at that node; one of this package says more when it runs with NODE_DEBUG=dsn"],
  };
}

function notDsn(where: string, why: string): Explanation {
  return {
    code: "DSN_NOT_DSN",
    says: `another service answers at ${where}`,
    why,
    fix: ["check the address and the port"],
  };
}

/** Peer text in one printable line: it is hostile until shown otherwise. */
export function printable(text: string): string {
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

/** It is there, and does not let us in. */
export const REFUSALS: ReadonlySet<DsnErrorCode> = new Set<DsnErrorCode>([
  "DSN_KEY_REFUSED",
  "DSN_KEY_UNEXPECTED",
  "DSN_VERSION_MISMATCH",
  "DSN_NOT_WHITELISTED",
  "DSN_IDENTITY_REFUSED",
  "DSN_PEER_IDENTITY_CHANGED",
]);

/** The peer is there and does not want us: trying harder does not help. */
export function isRefusal(error: DsnError): boolean {
  return REFUSALS.has(error.code);
}
