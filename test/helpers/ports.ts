/**
 * Ports for tests that must know one before it is listened on, or get it back after a restart.
 *
 * A port that the system chose and that is closed again may be taken at any moment: by the other
 * end of any connection on this machine, for as long as that lives and a minute more. Those come
 * from the range of `ip_local_port_range`, which begins at 32,768; these lie below it.
 * @module
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST = 10_000;
const PORTS_PER_WORKER = 2_500;
const WORKERS = 8;

/** Test files that run side by side have ports of their own. */
const worker = Number(process.env["VITEST_POOL_ID"] ?? 0) % WORKERS;
let next = Math.floor(Math.random() * PORTS_PER_WORKER);

/** A port that nobody uses, neither TCP nor UDP, and that nobody gets by chance. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < PORTS_PER_WORKER; attempt++) {
    const port = FIRST + worker * PORTS_PER_WORKER + (next++ % PORTS_PER_WORKER);
    if ((await takesConnections(host, port)) && (await takesDatagrams(host, port))) return port;
  }
  throw new Error(`all ports of worker ${worker} are in use`);
}

async function takesConnections(host: string, port: number): Promise<boolean> {
  const server = createServer().listen({ host, port });
  const free = await once(server, "listening").then(
    () => true,
    () => false,
  );
  await new Promise((closed) => server.close(closed));
  return free;
}

async function takesDatagrams(address: string, port: number): Promise<boolean> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.bind({ address, port });
  const free = await once(socket, "listening").then(
    () => true,
    () => false,
  );
  await new Promise<void>((closed) => socket.close(closed));
  return free;
}
