import { networkInterfaces } from "node:os";

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
