// One node of the demo, in a process of its own. Its parent says what to do and is told what
// happens; everything about the network goes through the library, as in any program.
import { DSNodeServer } from "distributed-state-network";

let node;
/** Node id → when this process last saw its state change. */
const seenAt = new Map();
let weather;

/** Milliseconds on a clock that all processes of this machine share. */
function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function tell(event) {
  if (process.connected) process.send({ at: now(), ...event });
}

const calls = {
  async start(config, state) {
    node = new DSNodeServer(config, { state });
    node.on("peer:join", (peer) => tell({ event: "peer:join", nodeId: peer.nodeId }));
    node.on("peer:leave", (peer) => tell({ event: "peer:leave", nodeId: peer.nodeId }));
    node.on("state:update", ({ nodeId }) => seenAt.set(nodeId, now()));
    node.on("data", ({ from, data }) => {
      tell({ event: "data", from, text: new TextDecoder().decode(data) });
    });
    node.on("warning", ({ error, resolved }) => {
      tell({ event: "warning", code: error.code, message: error.message, resolved });
    });
    await node.start();
    return { port: node.port, keyId: node.keyId, fingerprint: node.fingerprint };
  },

  async waitForPeers(names, timeout) {
    await node.waitForPeers(names, { timeout });
    return now();
  },

  async waitForKey(nodeId, key, value, timeout) {
    await node.waitForKey(nodeId, key, (current) => current === value, { timeout });
    return now();
  },

  write(key, value) {
    const at = now();
    node.updateData(key, value);
    return at;
  },

  async send(nodeId, text) {
    const at = now();
    await node.sendToNode(nodeId, text);
    return at;
  },

  /** Everything this node sees of the others. */
  picture() {
    return Object.fromEntries(
      node.peerInfo().map(({ nodeId, status }) => {
        const ageMs = now() - (seenAt.get(nodeId) ?? Number.NaN);
        return [nodeId, { status, state: node.getAll(nodeId) ?? {}, ageMs }];
      }),
    );
  },

  /** Values that keep changing, so that there is something to look at. */
  live() {
    let temperature = 18 + Math.random() * 6;
    let load = Math.random() * 100;
    clearInterval(weather);
    const change = () => {
      temperature += Math.random() - 0.5;
      load = Math.min(100, Math.max(0, load + Math.random() * 20 - 10));
      node.updateMany({
        temperature: temperature.toFixed(1),
        load: `${load.toFixed(0)} %`,
        // Of the story; undefined deletes.
        mode: undefined,
      });
    };
    change();
    weather = setInterval(change, 700 + Math.random() * 1_300);
  },

  async stop() {
    clearInterval(weather);
    await node?.stop();
    process.disconnect();
  },
};

process.on("message", async ({ id, call, args }) => {
  try {
    const result = await calls[call](...args);
    if (process.connected) process.send({ id, result });
  } catch (error) {
    if (process.connected) {
      process.send({ id, error: { code: error.code, message: error.message, why: error.why } });
    }
  }
});

// Ctrl-C reaches every process of the terminal; the parent decides what it means.
process.on("SIGINT", () => undefined);
// Without the parent there is nobody to run for.
process.on("disconnect", () => process.exit(0));
