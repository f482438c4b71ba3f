/**
 * The HTTP carrier: the wire of the reference, in both directions.
 * @module
 */
import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Seal } from "../crypto/seal.ts";
import { DsnError } from "../errors.ts";
import { formatAddress } from "../wire/exchange.ts";
import { ByteBudget } from "./body.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  Message,
  Reply,
  RequestOptions,
} from "./carrier.ts";
import { HttpAsking } from "./http-client.ts";
import { HttpServing } from "./http-server.ts";
import { type CarrierLimits, DEFAULT_LIMITS } from "./limits.ts";

export interface HttpCarrierOptions {
  readonly seal: Seal;
  /** Milliseconds on a clock that never steps back. @default performance.now */
  readonly monotonicMs?: (() => number) | undefined;
  /** Uniform in [0, 1); spreads the time of refusals. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Replaces single limits. */
  readonly limits?: Partial<CarrierLimits> | undefined;
}

export interface HttpCarrier extends Carrier {
  /** The server behind the port, so that other carriers can take its `upgrade` requests. */
  readonly httpServer: Server;

  /** The node at the other end of a connection to this server has proved itself. */
  proven(connection: Socket): void;
}

/** Connections that the system holds ready for us to accept. The reference has 5. */
const LISTEN_BACKLOG = 511;

/** What `::` fails with on a machine without IPv6. */
const NO_IPV6_CODES: ReadonlySet<string | undefined> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

export function createHttpCarrier(options: HttpCarrierOptions): HttpCarrier {
  return new NodeHttpCarrier(options);
}

class NodeHttpCarrier implements HttpCarrier {
  readonly name = "http";
  readonly httpServer: Server;
  readonly #serving: HttpServing;
  readonly #asking: HttpAsking;
  #listener: CarrierListener | undefined;
  #listening: Promise<Address> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HttpCarrierOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const budget = new ByteBudget(limits.unauthenticatedBytesMax);
    const { seal, monotonicMs = () => performance.now(), random = Math.random } = options;
    this.#serving = new HttpServing({ seal, limits, budget, monotonicMs, random });
    this.#asking = new HttpAsking({
      seal,
      limits,
      budget,
      onConnectionLost: (to) => this.#listener?.onConnectionLost?.(to),
    });
    this.httpServer = this.#serving.server;
  }

  /** `::` listens on IPv4 too, and on IPv4 alone where the machine has no IPv6. */
  listen(at: Address, listener: CarrierListener): Promise<Address> {
    this.#listening = this.#listen(at, listener);
    return this.#listening;
  }

  async #listen(at: Address, listener: CarrierListener): Promise<Address> {
    this.#listener = listener;
    this.#serving.listener = listener;
    try {
      return await this.#listenOn(at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (at.address !== "::" || !NO_IPV6_CODES.has(code)) throw listenError(at, error);
    }
    const ipv4 = { address: "0.0.0.0", port: at.port };
    try {
      return await this.#listenOn(ipv4);
    } catch (error) {
      throw listenError(ipv4, error);
    }
  }

  request(to: Address, message: Message, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve) => {
      this.#asking.ask([to], message, options, (_, reply) => resolve(reply));
    });
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    this.#asking.ask(to, message, options, onReply);
  }

  proven(connection: Socket): void {
    this.#serving.proven(connection);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#asking.close();
    // A server closed before it listens would listen after all.
    await this.#listening?.catch(() => undefined);
    await this.#serving.close();
  }

  #listenOn({ address, port }: Address): Promise<Address> {
    const { httpServer } = this;
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw new Error("the carrier is closed");
      httpServer.once("error", reject);
      httpServer.listen({ host: address, port, backlog: LISTEN_BACKLOG }, () => {
        httpServer.off("error", reject);
        const bound = httpServer.address() as AddressInfo;
        resolve({ address: bound.address, port: bound.port });
      });
    });
  }
}

function listenError(at: Address, cause: unknown): DsnError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const endpoint = formatAddress(at);
  if (code === "EADDRINUSE") {
    return new DsnError("DSN_PORT_IN_USE", `Port ${at.port} is in use, so the node did not start`, {
      why: `another process listens on ${endpoint}`,
      fix: [
        "take another port, or 0 to let the system choose one",
        `find the process: ss -ltnp "sport = :${at.port}"`,
      ],
      endpoint,
      cause,
    });
  }
  return new DsnError("DSN_CANNOT_LISTEN", `Cannot listen on ${endpoint}`, {
    why: CANNOT_LISTEN[code ?? ""]?.why ?? message,
    fix: [CANNOT_LISTEN[code ?? ""]?.fix ?? "listen on 0.0.0.0 or ::, with a port from 1024"],
    endpoint,
    cause,
  });
}

const CANNOT_LISTEN: Readonly<Record<string, { readonly why: string; readonly fix: string }>> = {
  EACCES: {
    why: "this user may not listen on that port",
    fix: "take a port from 1024 to 65535",
  },
  EADDRNOTAVAIL: {
    why: "this machine does not have that address",
    fix: "listen on 0.0.0.0 or ::, or on an address that `ip address` shows",
  },
  ENOTFOUND: {
    why: "that host name has no address",
    fix: "listen on 0.0.0.0 or ::, or on an IP address of this machine",
  },
  EAFNOSUPPORT: {
    why: "this machine has no IPv6",
    fix: "listen on 0.0.0.0, or on an IPv4 address",
  },
};
