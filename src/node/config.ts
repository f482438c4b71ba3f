/**
 * How a node is set up: every field of the reference's `DSNodeConfig`, checked once.
 *
 * Source: the reference's `DSNodeConfig`.
 * @module
 */
import { z } from "zod";
import { isFingerprint } from "../crypto/identity.ts";
import { parseNetworkKey } from "../crypto/network-key.ts";
import { DsnError } from "../errors.ts";
import type { WhitelistEntry } from "../protocol/index.ts";
import { isHostAddress } from "../wire/address.ts";
import { isNodeId, isOwnNodeId, OWN_NODE_ID_RULE } from "../wire/node-id.ts";
import { Endpoint } from "./endpoint.ts";

/** What {@link DSNodeConfig} is made from. Only `nodeId` is required. */
export interface DSNodeConfigInput {
  /**
   * The name of this node, unique in its network: letters, digits, `.`, `_`, `-`, at most 64.
   * It names the folder that holds its keys.
   */
  readonly nodeId: string;
  /** Kept for programs that come from the reference; this library writes no log files. @default "logs" */
  readonly loggingDir?: string | undefined;
  /** Folder that holds the identity and the keys of known peers. @default "credentials" */
  readonly credentialDir?: string | undefined;
  /** TCP port to listen on. 0 picks a free one and advertises that. @default 0 */
  readonly port?: number | undefined;
  /**
   * The IP address or host name that peers shall call. Set it where what peers see this node call
   * from is not where they reach it: behind NAT, in containers. @default what peers see
   */
  readonly networkIp?: string | null | undefined;
  /**
   * The network key, 32 hex digits: `DSNodeServer.generateKey()`, `dsn keygen`. Without it
   * everything travels in clear text and anybody may join.
   */
  readonly aesKey?: string | null | undefined;
  /**
   * Nodes to join through, tried for ever, all of them: any that are usually up. Empty for a first
   * node; a node's own address among them does no harm. @default []
   */
  readonly bootstrapNodes?:
    | readonly (Endpoint | { address: string; port: number } | string)[]
    | undefined;
  /**
   * Only these nodes may talk to us, and we to them: ids, or `id=SHA256:…` to name the key too.
   * Empty for everybody who has the network key. @default []
   */
  readonly whitelistNodeIds?: readonly string[] | undefined;
  /** Address to listen on. Default: every address, or `networkIp` where that is a loopback address. */
  readonly bind?: string | undefined;
  /**
   * Also take and send datagrams on the same port number, which is faster for what is small. Peers
   * that do not, or that they do not get through to, are reached over HTTP. @default true
   */
  readonly udp?: boolean | undefined;
  /**
   * Keep a list of peers beside the keys, so that a restarted node finds them also when no bootstrap
   * node is there. @default true
   */
  readonly peerCache?: boolean | undefined;
  /**
   * For a program that may compute for more than three seconds without a pause: a worker thread
   * answers the probes of native peers meanwhile, by datagram, so that they show this node as
   * `busy` and not as gone; for 30 s at least, 60 s at most. Costs some megabytes. @default false
   */
  readonly thread?: boolean | undefined;
}

const endpointSchema = z.union([
  z.instanceof(Endpoint),
  z.string().transform((text) => Endpoint.parse(text)),
  z
    .object({ address: z.string(), port: z.number() })
    .transform(({ address, port }) => new Endpoint(address, port)),
]);

const optionalText = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const schema = z.strictObject({
  nodeId: z.string().refine(isOwnNodeId, `must be ${OWN_NODE_ID_RULE}`),
  loggingDir: z.string().min(1, "must not be empty").default("logs"),
  credentialDir: z.string().min(1, "must not be empty").default("credentials"),
  port: z
    .number()
    .refine(
      (port) => Number.isInteger(port) && port >= 0 && port <= 65_535,
      "must be a whole number, 0 to 65535",
    )
    .default(0),
  networkIp: optionalText.refine(
    (address) => address === undefined || isHostAddress(address),
    "must be an IP address or a host name",
  ),
  aesKey: optionalText,
  bootstrapNodes: z.array(endpointSchema).default([]),
  whitelistNodeIds: z
    .array(
      z
        .string()
        .refine(
          (entry) => parseWhitelistEntry(entry) !== undefined,
          "must be an id, or id=SHA256:…",
        ),
    )
    .default([]),
  bind: z.string().refine(isHostAddress, "must be an IP address or a host name").optional(),
  udp: z.boolean().default(true),
  peerCache: z.boolean().default(true),
  thread: z.boolean().default(false),
});

/** The reference's name of each field, and ours. */
const SNAKE_CASE = {
  node_id: "nodeId",
  logging_dir: "loggingDir",
  credential_dir: "credentialDir",
  port: "port",
  network_ip: "networkIp",
  aes_key: "aesKey",
  bootstrap_nodes: "bootstrapNodes",
  whitelist_node_ids: "whitelistNodeIds",
  bind: "bind",
  udp: "udp",
  peer_cache: "peerCache",
  thread: "thread",
} as const;

type FieldName = (typeof SNAKE_CASE)[keyof typeof SNAKE_CASE];

/**
 * How a node is set up. Checked when it is made: a config that exists can be started.
 *
 * @example
 * new DSNodeConfig({
 *   nodeId: "connector",
 *   port: 8001,
 *   bootstrapNodes: [new Endpoint("127.0.0.1", 8000)],
 * });
 */
export class DSNodeConfig {
  /** The name of this node, unique in its network. */
  readonly nodeId: string;
  /** Not used; kept for programs that come from the reference. */
  readonly loggingDir: string;
  /** Folder that holds the identity and the keys of known peers. */
  readonly credentialDir: string;
  /** TCP port to listen on; 0 for any free one, which `DSNodeServer.port` then tells. */
  readonly port: number;
  /** The address that peers shall call; undefined for what they see this node call from. */
  readonly networkIp: string | undefined;
  /** Not shown by `console.log` or `JSON.stringify`; {@link toDict} has it. */
  declare readonly aesKey: string | undefined;
  /** Nodes to join through. */
  readonly bootstrapNodes: readonly Endpoint[];
  /** The only nodes let in; empty for everybody who has the network key. */
  readonly whitelistNodeIds: readonly string[];
  /** Address to listen on; undefined for the default. */
  readonly bind: string | undefined;
  /** Whether small messages may travel in datagrams. */
  readonly udp: boolean;
  /** Whether peers are kept on disk for the next start. */
  readonly peerCache: boolean;
  /** Whether a worker thread answers probes while the program is busy. */
  readonly thread: boolean;

  /** @throws {DsnError} `DSN_CONFIG` or `DSN_KEY_FORMAT`, naming the field, its value and the rule. */
  constructor(input: DSNodeConfigInput) {
    const parsed = parse(input);
    if (parsed.aesKey !== undefined) parseNetworkKey(parsed.aesKey);
    if (parsed.thread && !parsed.udp) throw needsDatagrams();
    this.nodeId = parsed.nodeId;
    this.loggingDir = parsed.loggingDir;
    this.credentialDir = parsed.credentialDir;
    this.port = parsed.port;
    this.networkIp = parsed.networkIp;
    Object.defineProperty(this, "aesKey", { value: parsed.aesKey, enumerable: false });
    this.bootstrapNodes = parsed.bootstrapNodes;
    this.whitelistNodeIds = parsed.whitelistNodeIds;
    this.bind = parsed.bind;
    this.udp = parsed.udp;
    this.peerCache = parsed.peerCache;
    this.thread = parsed.thread;
  }

  /**
   * Reads the reference's dictionary; snake_case and camelCase both work.
   *
   * @throws {DsnError} `DSN_CONFIG`, `DSN_KEY_FORMAT` as the constructor; also for a field that does
   *   not exist, or is given in both spellings.
   *
   * @example
   * DSNodeConfig.fromDict(JSON.parse(await readFile("dsn.json", "utf8")));
   */
  static fromDict(dict: Readonly<Record<string, unknown>>): DSNodeConfig {
    const input: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(dict)) {
      const ours = Object.hasOwn(SNAKE_CASE, name)
        ? SNAKE_CASE[name as keyof typeof SNAKE_CASE]
        : name;
      if (Object.hasOwn(input, ours)) throw unusable(ours, "is given twice, in both spellings");
      input[ours] = value;
    }
    return new DSNodeConfig(input as unknown as DSNodeConfigInput);
  }

  /** The reference's dictionary, *with the network key in it*. What it holds, {@link fromDict} reads. */
  toDict(): Record<string, unknown> {
    const dict: Record<string, unknown> = {
      node_id: this.nodeId,
      logging_dir: this.loggingDir,
      credential_dir: this.credentialDir,
      port: this.port,
      network_ip: this.networkIp ?? null,
      aes_key: this.aesKey ?? null,
      bootstrap_nodes: this.bootstrapNodes.map((endpoint) => endpoint.toJSON()),
      whitelist_node_ids: [...this.whitelistNodeIds],
    };
    if (this.bind !== undefined) dict["bind"] = this.bind;
    if (!this.udp) dict["udp"] = false;
    if (!this.peerCache) dict["peer_cache"] = false;
    if (this.thread) dict["thread"] = true;
    return dict;
  }
}

/** `id` or `id=SHA256:…`; undefined for neither. */
export function parseWhitelistEntry(entry: string): WhitelistEntry | undefined {
  const split = entry.lastIndexOf("=SHA256:");
  // Before the id alone: peers may have "=" in their names, and a fingerprint that was cut off in
  // copying must not turn into the name of nobody.
  if (split < 0) return isNodeId(entry) ? { nodeId: entry, fingerprint: undefined } : undefined;
  const nodeId = entry.slice(0, split);
  const fingerprint = entry.slice(split + 1);
  return isNodeId(nodeId) && isFingerprint(fingerprint) ? { nodeId, fingerprint } : undefined;
}

function parse(input: unknown): z.infer<typeof schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue?.code === "unrecognized_keys") throw unknownField(String(issue.keys[0]));
  const path = issue?.path ?? [];
  const field = path.map(String).join(".") || "the configuration";
  throw unusable(
    field,
    issue === undefined ? "is not usable" : ruleOf(issue),
    valueAt(input, path),
  );
}

/** What the field must be, in our words. */
function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be ${TYPES[issue.expected] ?? issue.expected}`;
  // Endpoints are the one field that can be written in several ways.
  if (issue.code === "invalid_union")
    return 'must be "host:port", an Endpoint or { address, port }';
  return issue.message;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  array: "a list",
  object: "an object",
};

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined,
    input,
  );
}

function needsDatagrams(): DsnError {
  return new DsnError("DSN_CONFIG", "Cannot use thread together with udp: false", {
    why: "the thread answers by datagram, and by nothing else",
    fix: ["leave udp out", "or leave thread out"],
  });
}

function unusable(field: string, rule: string, value?: unknown): DsnError {
  const shown = field === "aesKey" ? "" : ` ${show(value)}`;
  return new DsnError(
    "DSN_CONFIG",
    `Cannot use ${field}${value === undefined ? "" : shown}: ${rule}`,
    {
      why: value === undefined ? "it is missing or unusable" : undefined,
      fix: [`set ${field} to a value that fits`],
    },
  );
}

function show(value: unknown): string {
  if (typeof value === "object") return value === null ? "null" : "as it is";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function unknownField(name: string): DsnError {
  const fields: readonly FieldName[] = Object.values(SNAKE_CASE);
  const near = fields.find(
    (field) => field.toLowerCase() === name.toLowerCase().replaceAll("_", ""),
  );
  const hint =
    name === "whitelist_ips"
      ? "addresses are not identities: use whitelist_node_ids"
      : near !== undefined
        ? `did you mean "${near}"?`
        : `the fields are ${fields.join(", ")}`;
  return new DsnError(
    "DSN_CONFIG",
    `Cannot use the field "${name.slice(0, 64)}": there is no such field`,
    {
      why: "a misspelled field would silently change nothing",
      fix: [hint],
    },
  );
}
