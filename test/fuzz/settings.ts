/**
 * How much is tried, and from which seed.
 *
 *     FUZZ_INPUTS   inputs over all targets together; 20,000 unless told
 *     FUZZ_SEED     repeats a run: the same inputs in the same order, per target
 *     FUZZ_TARGET   only targets whose name contains this, which get all the inputs
 *     FUZZ_REPORT   folder for one row of results per target, as JSON
 * @module
 */
import { seededRandom } from "../../src/testing/random.ts";

const { env } = process;

export const INPUTS = Number(env["FUZZ_INPUTS"] ?? 20_000);
export const SEED = Number(env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
export const ONLY = env["FUZZ_TARGET"];
export const REPORT = env["FUZZ_REPORT"];

if (!Number.isSafeInteger(INPUTS) || INPUTS < 1 || !Number.isSafeInteger(SEED)) {
  throw new Error("FUZZ_INPUTS and FUZZ_SEED must be whole numbers");
}

/** What part of all inputs each target gets. Slow ones get less; together they are 1. */
const SHARES: Readonly<Record<string, number>> = {
  reader: 0.04,
  hello: 0.07,
  "hello-block": 0.07,
  peers: 0.07,
  "state-packet": 0.07,
  data: 0.05,
  endpoint: 0.04,
  "python-json": 0.07,
  names: 0.035,
  busy: 0.005,
  "native-states": 0.04,
  "native-acks": 0.015,
  "native-digest": 0.025,
  "native-digest-answer": 0.02,
  "native-members": 0.005,
  "native-members-answer": 0.02,
  "native-introduce": 0.01,
  "native-offer": 0.005,
  "native-relay": 0.01,
  "native-leave": 0.015,
  "native-bytes": 0.005,
  "aes-cbc-seal": 0.04,
  framing: 0.02,
  "udp-datagram": 0.045,
  "udp-content": 0.045,
  "udp-challenge": 0.02,
  "udp-association": 0.02,
  "session-auth": 0.02,
  "session-frames": 0.02,
  signature: 0.01,
  "http-answers": 0.005,
  answers: 0.005,
  http: 0.02,
  "http without a key": 0.02,
  udp: 0.015,
  "udp without a key": 0.01,
  memory: 0.01,
};

export const TARGETS = Object.keys(SHARES);

/** How many inputs a target gets. */
export function inputsOf(target: string): number {
  const share = SHARES[target];
  if (share === undefined) throw new Error(`${target} has no share`);
  if (ONLY !== undefined) return target.includes(ONLY) ? INPUTS : 0;
  return Math.ceil(INPUTS * share);
}

/** Chance for one target, so that no target's inputs depend on another's. */
export function randomOf(target: string): () => number {
  let seed = SEED;
  for (const character of target) seed = Math.imul(seed ^ character.charCodeAt(0), 0x0100_0193);
  return seededRandom(seed);
}
