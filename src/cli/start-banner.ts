/**
 * What `dsn start` says of the node before anything happens: who, where, how to reach it.
 * @module
 */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { machineAddresses } from "../node/addresses.ts";
import type { DSNodeServer } from "../node/ds-node-server.ts";
import { Endpoint } from "../node/endpoint.ts";
import type { Paint } from "./paint.ts";
import { count, printable, shellWord, shortPath } from "./text.ts";
import { versionLine } from "./version.ts";

export interface BannerFacts {
  readonly server: DSNodeServer;
  /** Its identity was made just now. */
  readonly isNew: boolean;
  readonly keyFile: string | undefined;
}

/** Other addresses shown, at most: a machine with containers has dozens. */
const OTHERS_MAX = 3;

export function bannerLines({ server, isNew, keyFile }: BannerFacts, paint: Paint): string[] {
  const { config } = server;
  const [best, ...others] = reachable(server);
  const folder = join(config.credentialDir, config.nodeId);
  const rows: [name: string, text: string][] = [
    ["node", paint("bold", config.nodeId)],
    ["identity", `${server.fingerprint ?? ""} ${paint("dim", isNew ? "(new)" : "(known)")}`],
    ["", paint("dim", `kept in ${shortPath(folder)}`)],
    ["listening", listening(server)],
    ["reach me", best === undefined ? "" : best.toString()],
  ];
  if (others.length > 0) rows.push(["", paint("dim", alsoHere(others))]);
  rows.push(...encryptionRows(server, paint));
  if (config.whitelistNodeIds.length > 0) {
    rows.push(["allowed", config.whitelistNodeIds.map((entry) => printable(entry)).join(", ")]);
  }
  const own = Object.keys(server.getAll() ?? {});
  if (own.length > 0) rows.push(["state", `${count(own.length, "key")}: ${listOf(own)}`]);
  rows.push(...joinRows(server, best, keyFile, paint));
  return [
    paint("bold", versionLine()),
    ...rows.map(([name, text]) => `  ${paint("dim", name.padEnd(10))}  ${text}`.trimEnd()),
    "Ready. Ctrl-C stops the node.",
  ];
}

/** Where peers may call the node, best first. */
export function reachable(server: DSNodeServer): Endpoint[] {
  const { networkIp } = server.config;
  const bound = server.node.bound?.address ?? "::";
  const addresses = networkIp === undefined ? machineAddresses(bound) : [networkIp];
  const some = addresses.length > 0 ? addresses : ["127.0.0.1"];
  return some.map((address) => new Endpoint(address, server.port));
}

function listening(server: DSNodeServer): string {
  const { address, port } = server.node.bound ?? { address: "::", port: server.port };
  if (address === "::" || address === "0.0.0.0") return `port ${port} on every address`;
  return new Endpoint(address, port).toString();
}

function alsoHere(others: readonly Endpoint[]): string {
  const shown = others
    .slice(0, OTHERS_MAX)
    .map(({ address }) => `${address} (${interfaceOf(address)})`);
  const more = others.length - shown.length;
  const list = [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return `also here: ${list}; choose with --advertise`;
}

function interfaceOf(address: string): string {
  const found = Object.entries(networkInterfaces()).find(([, all]) =>
    all?.some((one) => one.address === address),
  );
  return found?.[0] ?? "?";
}

function encryptionRows(server: DSNodeServer, paint: Paint): [string, string][] {
  if (server.keyId !== undefined) return [["encryption", `on, key id ${server.keyId}`]];
  return [
    ["encryption", paint("yellow", "OFF: everybody on the way can read it, anybody may join")],
    ["", "dsn keygen --out network.key; every node: --key-file network.key"],
  ];
}

function joinRows(
  server: DSNodeServer,
  best: Endpoint | undefined,
  keyFile: string | undefined,
  paint: Paint,
): [string, string][] {
  const { bootstrapNodes, nodeId } = server.config;
  if (bootstrapNodes.length > 0) return [["join", `through ${bootstrapNodes.join(", ")}`]];
  const key =
    keyFile === undefined
      ? ""
      : ` --key-file ${keyFile === "-" ? "network.key" : shellWord(keyFile)}`;
  const command = `dsn start --id ${nextId(nodeId)}${key} --join ${best?.toString() ?? ""}`;
  return [
    ["join", "none, so this is a first node. Others join with"],
    ["", paint("cyan", command)],
  ];
}

/** `node-1` → `node-2`. */
function nextId(nodeId: string): string {
  const number = /^(.*?)([0-9]{1,4})$/.exec(nodeId);
  return number === null ? "node-2" : `${number[1] ?? ""}${Number(number[2]) + 1}`;
}

function listOf(keys: readonly string[]): string {
  const shown = keys.slice(0, 5).map((key) => printable(key, 40));
  return keys.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
}
