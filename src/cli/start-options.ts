/**
 * The options of `dsn start`, each checked where it stands, so that a complaint names the option.
 * @module
 */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { DsnError } from "../errors.ts";
import { DSNodeConfig, type DSNodeConfigInput } from "../node/config.ts";
import { printable } from "./text.ts";

/** What commander makes of the command line. */
export interface StartFlags {
  readonly id: string;
  readonly port: number;
  readonly join?: readonly string[];
  readonly keyFile?: string;
  readonly advertise?: string;
  readonly bind?: string;
  readonly udp: boolean;
  readonly peerCache: boolean;
  readonly thread?: boolean;
  readonly allow?: readonly string[];
  readonly credentialDir: string;
  readonly set?: ReadonlyMap<string, string>;
}

export const DEFAULT_PORT = 8_000;

/** The host name, lower case, with what no id may have replaced. */
export function defaultId(host: string = hostname()): string {
  const fitting = host
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .slice(0, 64);
  return /^[.-]*$/.test(fitting) ? "node" : fitting;
}

/** Where identities are kept unless `--credential-dir` says otherwise: one place per user. */
export function defaultCredentialDir(env: NodeJS.ProcessEnv = process.env): string {
  const state = env["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  return join(state, "dsn", "credentials");
}

/** Checks one field the way the node will, and names the option instead of the field. */
export function checked<Field extends keyof DSNodeConfigInput>(
  option: string,
  field: Field,
  value: DSNodeConfigInput[Field],
): void {
  try {
    new DSNodeConfig({ nodeId: "any", [field]: value });
  } catch (error) {
    if (!(error instanceof DsnError)) throw error;
    const rule = error.message.replace(
      /^Cannot use (?:the endpoint|[\w.]+)/,
      `Cannot use ${option}`,
    );
    const { why } = error;
    throw new DsnError(error.code, rule, {
      why: why === "it is missing or unusable" ? undefined : why,
      fix: [EXAMPLES[option] ?? "see dsn start --help"],
      cause: error,
    });
  }
}

const EXAMPLES: Readonly<Record<string, string>> = {
  "--id": "for example --id node-1",
  "--port": "for example --port 8001, or --port 0 for any free port",
  "--join": "for example --join 192.168.0.10:8000",
  "--advertise": "for example --advertise 192.168.0.10",
  "--bind": "for example --bind 127.0.0.1",
  "--allow": "for example --allow node-2",
};

export function parseId(text: string): string {
  checked("--id", "nodeId", text);
  return text;
}

export function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) {
    throw new DsnError(
      "DSN_USAGE",
      `Cannot use --port "${printable(text, 40)}": must be a whole number, 0 to 65535`,
      { fix: [EXAMPLES["--port"] ?? ""] },
    );
  }
  return port;
}

export function parseHost(option: "--advertise" | "--bind"): (text: string) => string {
  return (text) => {
    checked(option, option === "--bind" ? "bind" : "networkIp", text);
    return text;
  };
}

export function collectJoin(text: string, before: readonly string[] = []): string[] {
  checked("--join", "bootstrapNodes", [text]);
  return [...before, text];
}

export function collectAllow(text: string, before: readonly string[] = []): string[] {
  checked("--allow", "whitelistNodeIds", [text]);
  return [...before, text];
}

export function collectSet(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const split = text.indexOf("=");
  if (split < 1) {
    throw new DsnError("DSN_USAGE", `Cannot use --set "${printable(text, 40)}": write KEY=VALUE`, {
      fix: ["for example --set status=online"],
    });
  }
  return new Map(before).set(text.slice(0, split), text.slice(split + 1));
}

/** The node that the options describe. */
export function toConfig(flags: StartFlags, key: string | undefined): DSNodeConfig {
  return new DSNodeConfig({
    nodeId: flags.id,
    port: flags.port,
    credentialDir: flags.credentialDir,
    networkIp: flags.advertise,
    bind: flags.bind,
    udp: flags.udp,
    peerCache: flags.peerCache,
    thread: flags.thread,
    aesKey: key,
    bootstrapNodes: flags.join,
    whitelistNodeIds: flags.allow,
  });
}
