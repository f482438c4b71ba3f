/**
 * Where our HTTP server answers the reference's recorded requests differently, on purpose.
 *
 * Each row is asserted exactly; a difference without a row fails, and so does a row whose request
 * we answer as the reference does.
 * @module
 */

export interface HttpDifference {
  /** Name of the case in `test/vectors/http.json`. */
  readonly name: string;
  /**
   * Which body the request carried: as recorded, or with the PING of the reference put in its
   * place, to see what the header alone does.
   */
  readonly body: "as recorded" | "a good PING";
  /** Statuses of all our answers, in order. */
  readonly ours: readonly number[];
  readonly why: string;
  /** Id of the defect that the reference's answer is an instance of, where it has one. */
  readonly defect: string | undefined;
}

const STRICT_LENGTH = "A length is digits, once; anything else is how requests are smuggled.";
const STRICT_END = "A body is as long as announced; one that ends early was cut.";
const EXACT_PING =
  "Without an authentication code a PING counts only if it is exactly what the reference sends.";

function header(
  name: string,
  ours: readonly number[],
  why: string,
  defect?: string,
): readonly HttpDifference[] {
  return [asRecorded(name, ours, why, defect), { name, body: "a good PING", ours, why, defect }];
}

function asRecorded(
  name: string,
  ours: readonly number[],
  why: string,
  defect?: string,
): HttpDifference {
  return { name, body: "as recorded", ours, why, defect };
}

function badPing(name: string, ours: readonly number[] = [401]): HttpDifference {
  return asRecorded(name, ours, EXACT_PING, "D11");
}

export const HTTP_DIFFERENCES: readonly HttpDifference[] = [
  badPing("ping empty body"),
  badPing("HTTP/1.0 request"),
  badPing("Content-Type text/html"),
  badPing("unknown header"),
  badPing("good padding, wrong type (padding oracle)"),
  badPing("good padding, empty plaintext"),
  badPing("pipelined second request is dropped", [401, 401]),
  {
    name: "pipelined second request is dropped",
    body: "a good PING",
    ours: [200, 200],
    why: "Connections are kept, so a second request on one is answered too.",
    defect: "B",
  },
  asRecorded(
    "method FOO",
    [400],
    "Node's parser knows the methods of HTTP only; GET gets the 501.",
  ),
  asRecorded("method post", [400], "Methods are upper case; Node's parser says 400, not 501."),
  ...header(
    "no Content-Length, with body",
    [400],
    "On a kept connection those bytes are the next request, and they are none.",
  ),
  ...header("Content-Length not a number", [400], STRICT_LENGTH),
  ...header("Content-Length 1.5", [400], STRICT_LENGTH),
  ...header("Content-Length +32", [400], STRICT_LENGTH),
  ...header("Content-Length 3_2 (Python int accepts underscores)", [400], STRICT_LENGTH),
  ...header("Content-Length -1, client half-closes", [400], STRICT_LENGTH, "D13"),
  ...header("Content-Length -1, client keeps open", [400], STRICT_LENGTH, "D13"),
  ...header("Content-Length larger than body, client half-closes", [400], STRICT_END),
  ...header(
    "Content-Length smaller than body",
    [400],
    "On a kept connection the rest is the next request, and it is none.",
  ),
  asRecorded("Content-Length 99999999999999999999, half-close", [400], STRICT_LENGTH, "D13"),
  ...header("two Content-Length headers (first wins)", [400], STRICT_LENGTH),
  ...header("LF line ends", [400], "Lines end in CR LF; Node's parser takes nothing else."),
  {
    name: "chunked body",
    body: "a good PING",
    ours: [200],
    why: "The reference counts a chunked body as empty; we read it, within the same limits.",
    defect: undefined,
  },
  asRecorded(
    "HTTP/2.0",
    [401],
    "Node's parser lets the version pass and we answer in HTTP/1.1, not in HTTP/0.9.",
  ),
  asRecorded(
    "request line of 70000 bytes",
    [431],
    "The request line is part of the header to Node: 431 where the reference says 414.",
  ),
  asRecorded(
    "64 KiB ping",
    [413],
    "A PING has one byte; bodies are limited per message type.",
    "D13",
  ),
];
