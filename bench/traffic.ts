/**
 * How many bytes this process sends and receives: the payload of its TCP connections, as the
 * runtime counts it beneath TLS, and of its datagrams. Headers of IP, TCP and UDP are not in it,
 * nor are acknowledgements of TCP: no system tells those apart by process.
 * @module
 */
import type { Socket as UdpSocket } from "node:dgram";
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const open = new Set<Socket>();
let finishedBytes = 0;

/** Counts all sockets that are made from now on. */
export function countTraffic(): void {
  subscribe("net.client.socket", (message) => countTcp((message as { socket: Socket }).socket));
  subscribe("net.server.socket", (message) => countTcp((message as { socket: Socket }).socket));
  subscribe("udp.socket", (message) => countUdp((message as { socket: UdpSocket }).socket));
}

export function trafficBytes(): number {
  return [...open].reduce((sum, socket) => sum + bytesOf(socket), finishedBytes);
}

function countTcp(socket: Socket): void {
  open.add(socket);
  socket.once("close", () => {
    if (open.delete(socket)) finishedBytes += bytesOf(socket);
  });
}

function countUdp(socket: UdpSocket): void {
  socket.on("message", (message) => {
    finishedBytes += message.length;
  });
  const send = socket.send.bind(socket) as (...parameters: unknown[]) => void;
  socket.send = (message: unknown, ...parameters: unknown[]) => {
    finishedBytes += (message as Uint8Array).length;
    send(message, ...parameters);
  };
}

function bytesOf({ bytesRead, bytesWritten }: Socket): number {
  return bytesRead + bytesWritten;
}
