// One process of a soak: a node, and what the process holds.
import { getActiveResourcesInfo } from "node:process";
import { DSNodeServer } from "../../dist/index.js";

let node;

const commands = {
  async start(config, state) {
    node = new DSNodeServer(config, { state, receive: () => undefined });
    node.on("peer:leave", ({ nodeId }) => process.send?.({ left: nodeId, at: Date.now() }));
    // The churn makes many of these; what they should have told shows in the end.
    node.on("warning", () => undefined);
    await node.start();
  },
  write: (value) => node.updateData("value", value),
  send: (to, text) => node.sendToNode(to, text).catch(() => undefined),
  read: (ids) => ids.map((id) => node.readData(id, "value")),
  sample() {
    globalThis.gc();
    const { rss, heapUsed } = process.memoryUsage();
    const open = getActiveResourcesInfo();
    const count = (name) => open.filter((one) => one === name).length;
    return { rss, heap: heapUsed, sockets: count("TCPSocketWrap"), timers: count("Timeout") };
  },
  async stop() {
    await node.stop();
    // Nothing of the node may hold the process back now.
    setImmediate(() => process.disconnect());
  },
};

process.on("message", async ({ id, name, args }) => {
  try {
    process.send({ id, result: await commands[name](...args) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
