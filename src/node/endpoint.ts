import { DsnError } from "../errors.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import { formatAddress } from "../wire/exchange.ts";

/**
 * Where a node listens: an address and a port.
 *
 * @example
 * new Endpoint("127.0.0.1", 8000);
 * Endpoint.parse("[::1]:8000");
 */
export class Endpoint {
  /** An IP address or host name; IPv6 without brackets. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;

  /**
   * Checked when it is made, never looked up.
   *
   * @param address An IP address or host name; IPv6 without brackets.
   * @param port 1 to 65535.
   * @throws {DsnError} `DSN_CONFIG` for anything that cannot be called.
   */
  constructor(address: string, port: number) {
    if (typeof address !== "string" || !isHostAddress(address)) {
      throw unusable(String(address), "the address must be an IP address or a host name");
    }
    if (typeof port !== "number" || !isPort(port)) {
      throw unusable(`${address}:${String(port)}`, "the port must be a whole number, 1 to 65535");
    }
    this.address = address;
    this.port = port;
  }

  /**
   * Reads `host:port`, with brackets around an IPv6 address.
   *
   * @throws {DsnError} `DSN_CONFIG`.
   */
  static parse(text: string): Endpoint {
    const match = /^(?:\[(?<six>[^\]]*:[^\]]*)\]|(?<host>[^:]+)):(?<port>[0-9]{1,5})$/.exec(
      text.trim(),
    );
    const address = match?.groups?.["six"] ?? match?.groups?.["host"];
    if (address === undefined) {
      throw unusable(text, "write host:port, or [address]:port for IPv6");
    }
    return new Endpoint(address, Number(match?.groups?.["port"]));
  }

  /** `host:port`, with brackets around an IPv6 address; {@link Endpoint.parse} reads it. */
  toString(): string {
    return formatAddress(this);
  }

  /** As it stands in the reference's configuration. */
  toJSON(): { address: string; port: number } {
    return { address: this.address, port: this.port };
  }
}

function unusable(text: string, why: string): DsnError {
  return new DsnError("DSN_CONFIG", `Cannot use the endpoint "${text.slice(0, 80)}"`, {
    why,
    fix: ['write it as "192.168.0.10:8000" or new Endpoint("192.168.0.10", 8000)'],
  });
}
