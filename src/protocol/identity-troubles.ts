/** What is wrong with who somebody is, in words. */
import { fingerprint } from "../crypto/identity.ts";
import { DsnError } from "../errors.ts";
import type { Hello } from "../wire/hello.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import { printable } from "./troubles.ts";

/** @param keyId Of our own network key; undefined without one. */
export function stranger(from: string, keyId: string | undefined): DsnError {
  return new DsnError("DSN_KEY_STRANGER", `${from} calls this node without its network key`, {
    why: `what it sends does not open with our key${keyId === undefined ? "" : ` ${keyId}`}`,
    fix: ["compare key ids on both machines", "or keep that machine from calling this port"],
    endpoint: from,
  });
}

export function unclaimed(nodeId: string): DsnError {
  return new DsnError(
    "DSN_WHITELIST_UNPINNED",
    `The whitelist lets in "${nodeId}", whoever claims that name first`,
    {
      why: "it names no fingerprint, and no key of that node is known yet",
      fix: [`write "${nodeId}=SHA256:…" with the fingerprint that the node shows at its start`],
      nodeId,
    },
  );
}

/** @param pinned The key that the id is known by. */
export function identityChanged(
  { nodeId, publicKey }: Hello,
  pinned: Uint8Array | undefined,
  where: string,
): DsnError {
  return new DsnError(
    "DSN_PEER_IDENTITY_CHANGED",
    `"${nodeId}" came back with another identity and was not let in`,
    {
      why: `known as ${pinned === undefined ? "-" : fingerprint(pinned)}, now ${fingerprint(publicKey)} at ${where}`,
      fix: [
        "if that machine was reinstalled: forgetIdentity() here",
        "if not: somebody else uses its name",
      ],
      nodeId,
      endpoint: where,
    },
  );
}

export function downgraded(nodeId: string, where: string): DsnError {
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

export function duplicate(nodeId: string, why: string): DsnError {
  return new DsnError("DSN_DUPLICATE_IDENTITY", `Two live nodes use the identity of "${nodeId}"`, {
    why,
    fix: [
      "stop one of them",
      "give a cloned machine a new identity: delete its credentials folder",
    ],
    nodeId,
  });
}

/** Somebody else answers with our own id. */
export function namesake(nodeId: string, where: string, why: string, fix: string): DsnError {
  return new DsnError("DSN_DUPLICATE_IDENTITY", `${where} answers with our own id "${nodeId}"`, {
    why,
    fix: [fix],
    endpoint: where,
    nodeId,
  });
}

export function ourselves(where: string): DsnError {
  return new DsnError("DSN_SELF", `${where} is this node itself`, {
    why: "the address is our own",
    fix: ["remove it from the bootstrap nodes"],
    endpoint: where,
  });
}

export function otherVersion({ nodeId, version }: Hello, where: string): DsnError {
  const theirs = printable(version);
  return new DsnError(
    "DSN_VERSION_MISMATCH",
    `"${nodeId}" speaks protocol ${theirs}, this node ${PROTOCOL_VERSION}`,
    {
      why: "nodes of the Python wire talk only to exactly the same version",
      fix: ["update the older side"],
      nodeId,
      endpoint: where,
    },
  );
}
