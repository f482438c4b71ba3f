/**
 * Which addresses and ports a peer may name.
 *
 * The Python implementation pastes the address of a PEERS entry into a URL, so that
 * `/internal/admin?x=` reached other services (defect D26). Only what is an IP address or a host
 * name may be dialled.
 * @module
 */

const NAME_CHARACTERS_MAX = 253;

/**
 * Whether `address` is an IPv4 address, an IPv6 address without brackets (a zone id may follow),
 * or a host name.
 *
 * Host names follow RFC 1123, with the underscore that container networks use. Two surprises: no
 * dot may end them, and their last label must not be a number, for resolvers read `127.1` and
 * `2130706433` as IPv4 addresses of their own accord.
 */
export function isHostAddress(address: string): boolean {
  return isIpv4(address) || isIpv6(address) || isHostName(address);
}

/** Whether `port` is one that can be dialled: a whole number, 1 to 65535. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

const GROUP = /^[0-9a-f]{1,4}$/i;
const ZONE = /^[0-9a-z._-]+$/i;

/** Eight groups, or fewer around one `::`; the last two may be written as IPv4. RFC 4291, 2.2. */
function isIpv6(text: string): boolean {
  const percent = text.indexOf("%");
  if (percent !== -1 && !ZONE.test(text.slice(percent + 1))) return false;
  const halves = (percent === -1 ? text : text.slice(0, percent)).split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1);
  // An IPv4 tail stands for two groups, and must be at the very end: not before the `::`.
  const hasTail = last !== undefined && halves.at(-1) !== "" && isIpv4(last);
  const hex = hasTail ? groups.slice(0, -1) : groups;
  if (!hex.every((group) => GROUP.test(group))) return false;
  const count = hex.length + (hasTail ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/i;

function isHostName(text: string): boolean {
  if (text.length > NAME_CHARACTERS_MAX) return false;
  const labels = text.split(".");
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) ?? "");
}
