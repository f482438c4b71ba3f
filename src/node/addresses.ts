import { networkInterfaces } from "node:os";
import type { DSNodeConfig } from "./config.ts";

const ANY = new Set(["::", "0.0.0.0"]);

/**
 * Addresses under which other machines may reach this one, best first: IPv4 before IPv6, because
 * Python peers cannot call the latter.
 *
 * @param bind What the node listens on; a single address leaves no choice.
 */
export function machineAddresses(bind: string): string[] {
  if (!ANY.has(bind)) return [bind];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outward = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const four = outward.filter(({ family }) => family === "IPv4");
  const six = outward.filter(({ family }) => family === "IPv6");
  return [...four, ...six].map(({ address }) => address);
}

/** Where a node listens. */
export function bindAddress({ bind, networkIp }: Pick<DSNodeConfig, "bind" | "networkIp">): string {
  if (bind !== undefined) return bind;
  // Who says that peers call a loopback address does not want to be called from elsewhere.
  if (networkIp !== undefined && isLoopback(networkIp)) return networkIp;
  return "::";
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}
