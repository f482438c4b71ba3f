// A sensor that publishes its temperature, and a display that shows all sensors as they change.
//
//   node examples/temperature-sensor.mjs kitchen 8000
//   node examples/temperature-sensor.mjs attic   8001 127.0.0.1:8000
//
// Each process is both: it owns its own reading and watches everybody's. Ctrl-C stops it.
import { DSNodeServer } from "distributed-state-network";

const [room = "kitchen", port = "8000", ...bootstrapNodes] = process.argv.slice(2);

const node = await DSNodeServer.start({
  nodeId: `sensor_${room}`,
  port: Number(port),
  networkIp: "127.0.0.1",
  credentialDir: process.env.CREDENTIAL_DIR ?? "credentials",
  aesKey: process.env.NETWORK_KEY, // dsn keygen
  bootstrapNodes,
});

let temperature = 20;
const measure = () => {
  temperature += Math.random() - 0.5;
  // Both keys travel in one version: nobody sees a new reading with an old time.
  node.updateMany({ temperature: temperature.toFixed(1), timestamp: new Date().toISOString() });
};
measure();
const timer = setInterval(measure, Number(process.env.INTERVAL_MS ?? 1_000));

node.on("peer:leave", ({ nodeId }) => console.log(`${nodeId} is gone`));

process.once("SIGINT", () => {
  clearInterval(timer);
  void node.stop();
});

for await (const { nodeId, value } of node.watch({ node: "sensor_*", key: "temperature" })) {
  console.log(`${nodeId}: ${value} °C`);
}
