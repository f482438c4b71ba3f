/**
 * What the library says in the words of its API, as one types it on the command line.
 * @module
 */
import type { DsnError } from "../errors.ts";

type Words = readonly (readonly [said: RegExp, typed: string])[];

/** In advice, whatever the error. */
const ADVICE: Words = [
  [/\bleave udp out\b/, "leave --no-udp out"],
  [/\bleave thread out\b/, "leave --thread out"],
  [/\budp: false\b/, "--no-udp"],
  [/\bpeerCache: false/, "--no-peer-cache"],
  [/\bto whitelist_node_ids\b/, "to those of --allow"],
  [/\bset network_ip to\b/, "--advertise"],
  [/\bset credentialDir\b/, "set --credential-dir"],
];

/** Besides, in what a setting is refused with. */
const SETTINGS: Words = [
  [/\bthread together with udp: false\b/, "--thread together with --no-udp"],
  [/\bcredentialDir\b/, "--credential-dir"],
];

/** The message of an error; what peers say in it is left as it is. */
export function typedMessage({ code, message }: DsnError): string {
  return code === "DSN_CONFIG" ? inWords(message, SETTINGS) : message;
}

/** What to do about it. */
export function typedAdvice({ code, fix, nodeId }: DsnError): readonly string[] {
  const typed = fix.map((text) => inWords(text, ADVICE).replace("forgetIdentity() here", forget));
  if (code === "DSN_KEY_REFUSED") return [...typed, "dsn start --key-file network.key …"];
  if (code !== "DSN_PORT_IN_USE") return typed;
  return ["choose another: --port N, or --port 0 for any", ...typed.slice(1)];

  /** A function, because ids may hold what a replacement would take for a pattern. */
  function forget(): string {
    const id = nodeId ?? "<id>";
    const line =
      code === "DSN_NATIVE_DOWNGRADE" ? ` and the line of ${id} in the .natives file` : "";
    return `stop this node, delete ${id}.pub${line} where its keys are (--credential-dir), start it again`;
  }
}

function inWords(text: string, words: Words): string {
  return words.reduce((said, [phrase, typed]) => said.replace(phrase, typed), text);
}
