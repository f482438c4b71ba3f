/**
 * What is read from an answer besides its body, and from a failure.
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";

const SERVER_NAME_CHARS_MAX = 64;

/** Why a response is no answer of a DSN node, or `undefined`. */
export function problemOf(status: number, headers: IncomingHttpHeaders): string | undefined {
  if (status >= 300 && status < 400) return `a redirect (HTTP ${status}), which is not followed`;
  const encoding = headers["content-encoding"] ?? "identity";
  return encoding === "identity" ? undefined : `an answer in the encoding "${encoding}"`;
}

/** What the header of an answer says about the peer, none of it authenticated. */
export function aboutPeer({ date, server }: IncomingHttpHeaders): {
  readonly peerUnixSeconds: number | undefined;
  readonly server: string | undefined;
} {
  const name = server === undefined ? undefined : String(server).slice(0, SERVER_NAME_CHARS_MAX);
  return { peerUnixSeconds: unixSeconds(date), server: name };
}

let lastDate: { readonly text: string; readonly unixSeconds: number | undefined } | undefined;

/** Parsing a date costs as much as the rest of a header, and it changes once a second. */
function unixSeconds(date: string | undefined): number | undefined {
  if (date === undefined) return undefined;
  if (lastDate?.text !== date) {
    const ms = Date.parse(date);
    lastDate = { text: date, unixSeconds: Number.isFinite(ms) ? ms / 1000 : undefined };
  }
  return lastDate.unixSeconds;
}

/** One line about a failure, with the code of the system in it. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  // Of several addresses tried, the error of the whole has no text of its own.
  const message = error.message === "" ? "no address answered" : error.message;
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}
