/**
 * The identity of a node in its folder: `<own id>.key` is what counts, `<own id>.pub` follows it.
 * @module
 */
import { generateKeyPair, type KeyPair, type KeyRules } from "../crypto/identity.ts";
import type { RandomBytes } from "../crypto/random-pool.ts";
import { PRIVATE_KEY_BYTES } from "../crypto/signatures.ts";
import { DsnError } from "../errors.ts";
import { type CredentialFolder, publicKeyFile, tighten } from "./credential-folder.ts";
import { createFile, readIfThere, replaceFile } from "./durable-file.ts";

const PRIVATE_KEY_MODE = 0o600;

/** Reads the identity, and makes one if there is none. */
export async function loadIdentity(
  folder: CredentialFolder,
  engine: KeyRules,
  randomBytes: RandomBytes,
): Promise<{ keyPair: KeyPair; created: boolean }> {
  const file = `${folder.nodeId}.key`;
  let created = false;
  if (!(await folder.holds(file))) {
    const { privateKey } = generateKeyPair(engine, randomBytes);
    created = await createFile(folder.pathOf(file), privateKey);
    if (!created && !(await folder.holds(file))) throw folder.otherCase(folder.nodeId);
  }
  // Read back even if it is new: what is used is what the next start will find.
  const privateKey = await readPrivateKey(folder, file, engine);
  const keyPair = { privateKey, publicKey: engine.publicKeyOf(privateKey) };
  await repairPublicKey(folder, keyPair.publicKey);
  return { keyPair, created };
}

async function readPrivateKey(
  folder: CredentialFolder,
  file: string,
  engine: KeyRules,
): Promise<Uint8Array> {
  const path = folder.pathOf(file);
  const privateKey = Uint8Array.from((await readIfThere(path)) ?? []);
  if (!engine.isPrivateKey(privateKey)) {
    const why =
      privateKey.length === PRIVATE_KEY_BYTES
        ? "holds 32 bytes that are not a secp256k1 private key"
        : `holds ${privateKey.length} bytes, expected ${PRIVATE_KEY_BYTES}`;
    throw new DsnError("DSN_IDENTITY_UNREADABLE", `Cannot use the identity of this node`, {
      why: `${path} ${why}`,
      fix: [
        "put the file back from a backup",
        "or move it away: a new identity is made, which peers refuse until they forget the old one",
      ],
      nodeId: folder.nodeId,
    });
  }
  // The reference leaves it readable by everybody.
  await tighten(path, PRIVATE_KEY_MODE);
  return privateKey;
}

/** The private key is what counts; the reference reads the public one from its own file. */
async function repairPublicKey(folder: CredentialFolder, publicKey: Uint8Array): Promise<void> {
  const path = folder.pathOf(publicKeyFile(folder.nodeId));
  const stored = await readIfThere(path);
  if (stored === undefined) await createFile(path, publicKey);
  else if (Buffer.compare(stored, publicKey) !== 0) await replaceFile(path, publicKey);
}
