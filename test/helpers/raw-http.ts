/**
 * HTTP spoken byte by byte over a bare socket, to send what no HTTP library would.
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Address } from "../../src/transport/carrier.ts";

export interface RawResponse {
  readonly status: number;
  readonly statusLine: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface RawExchange {
  /** All complete responses that came. */
  readonly responses: readonly RawResponse[];
  /** What came after them and is no complete response. */
  readonly rest: Buffer;
  /** True when the other side closed the connection. */
  readonly closed: boolean;
}

/** The head of a POST with the body behind it. */
export function post(path: string, body: Uint8Array = Buffer.alloc(0), more = ""): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n${more}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/**
 * Sends bytes and collects what comes back, until `enough` holds, the other side closes, or the
 * time is over.
 */
export async function exchange(
  { address, port }: Address,
  request: Uint8Array,
  options: {
    readonly halfClose?: boolean;
    readonly timeoutMs?: number;
    readonly enough?: (responses: readonly RawResponse[]) => boolean;
  } = {},
): Promise<RawExchange> {
  const { halfClose = false, timeoutMs = 2000, enough = (all) => all.length > 0 } = options;
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  try {
    return await new Promise((resolve) => {
      let received = Buffer.alloc(0);
      const end = (closed: boolean) => resolve({ ...parseResponses(received), closed });
      const timer = setTimeout(() => end(false), timeoutMs);
      socket.on("data", (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (enough(parseResponses(received).responses)) end(false);
      });
      for (const event of ["end", "error", "close"]) {
        socket.once(event, () => {
          clearTimeout(timer);
          end(true);
        });
      }
      if (halfClose) socket.end(request);
      else socket.write(request);
    });
  } finally {
    socket.destroy();
  }
}

/** Reads responses that have a Content-Length, or none and no body. */
export function parseResponses(bytes: Buffer): Pick<RawExchange, "responses" | "rest"> {
  const responses: RawResponse[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { responses, rest };
    const [statusLine = "", ...lines] = rest.toString("latin1", 0, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers["content-length"] ?? 0);
    const start = end + 4;
    if (rest.length < start + length) return { responses, rest };
    const body = rest.subarray(start, start + length);
    responses.push({ status: Number(statusLine.split(" ")[1]), statusLine, headers, body });
    rest = rest.subarray(start + length);
  }
}

const held = new Set<Socket>();

/** Closes the connections of all {@link Held}; to be called after each test. */
export function closeHeld(): void {
  for (const socket of held) socket.destroy();
  held.clear();
}

/** A connection that sends what it is told and remembers what came back. */
export class Held {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;

  constructor({ address, port }: Address, localAddress = "127.0.0.1") {
    this.socket = connect({ host: address, port, localAddress, noDelay: true });
    held.add(this.socket);
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.once("close", () => {
      this.closed = true;
    });
  }

  get statuses(): number[] {
    return parseResponses(this.received).responses.map(({ status }) => status);
  }

  /** The head of a POST that announces a body. */
  announce(path: string, length: number): this {
    this.socket.write(`POST ${path} HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n`);
    return this;
  }
}

/** A server of bare sockets on 127.0.0.1, for peers that answer what no server would. */
export async function serveRaw(
  onConnection: (socket: Socket) => void,
): Promise<{ readonly at: Address; readonly server: Server; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    at: { address: "127.0.0.1", port },
    server,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Calls back with each request that comes in whole. */
export function onRequests(socket: Socket, onRequest: (head: string, body: Buffer) => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = received.toString("latin1", 0, end);
      const length = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      const body = received.subarray(end + 4, end + 4 + length);
      received = received.subarray(end + 4 + length);
      onRequest(head, Buffer.from(body));
    }
  });
}
