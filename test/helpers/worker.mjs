// A node in a process of its own, steered by `process-node.ts` over the IPC channel.
//
// It runs the built package, as an application would. When its parent goes, it goes.
import { setTimeout as sleep } from "node:timers/promises";
import { DSNodeServer } from "../../dist/index.js";

/** @type {DSNodeServer | undefined} */
let server;

const EVENTS = [
  "joined",
  "peer:join",
  "peer:leave",
  "peer:status",
  "state:update",
  "data",
  "warning",
];

const plain = (error) => ({
  name: error?.name,
  code: error?.code,
  message: String(error?.message ?? error),
  why: error?.why,
});

const tell = (name, payload) => {
  const told = name === "warning" ? { ...payload, error: plain(payload.error) } : payload;
  // `at` is the wall clock, which all processes of one machine share.
  process.send?.({ event: name, at: Date.now(), payload: structuredClone(told) });
};

/** The process computes, and does nothing else. */
function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** What a slow application does with a message. */
function receiver({ mode, ms }) {
  if (mode === "blocks") return () => block(ms);
  return () => sleep(ms);
}

const commands = {
  async start(config, { settings, state, receive } = {}) {
    server = new DSNodeServer(config, {
      state,
      parts: { settings },
      receive: receive === undefined ? undefined : receiver(receive),
    });
    for (const name of EVENTS) server.on(name, (payload) => tell(name, payload));
    await server.start();
    return { port: server.port, fingerprint: server.fingerprint };
  },
  /** @returns the milliseconds that the call took, and when it was made. */
  write(changes) {
    const at = Date.now();
    const startMs = performance.now();
    server.updateMany(changes);
    return { at, ms: performance.now() - startMs };
  },
  block,
  rss: () => process.memoryUsage().rss,
  stop: () => server.stop(),
};

process.on("message", async ({ id, command, args }) => {
  try {
    const own = commands[command];
    const result = own === undefined ? await server[command](...args) : await own(...args);
    process.send?.({ id, result: structuredClone(result) });
  } catch (error) {
    process.send?.({ id, error: plain(error) });
  }
});
process.on("disconnect", () => process.exit(0));
