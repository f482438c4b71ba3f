// Workers say whether they are free; a dispatcher gives each job to a free one.
//
//   node examples/job-workers.mjs
//
// Three nodes in one process, to be read in one file; in life each is a process or a machine.
import { DSNodeServer } from "distributed-state-network";

const aesKey = DSNodeServer.generateKey();
const shared = {
  aesKey,
  networkIp: "127.0.0.1",
  credentialDir: process.env.CREDENTIAL_DIR ?? "credentials",
};

const dispatcher = await DSNodeServer.start({ ...shared, nodeId: "dispatcher" });

async function startWorker(nodeId) {
  const worker = await DSNodeServer.start(
    { ...shared, nodeId, bootstrapNodes: [`127.0.0.1:${dispatcher.port}`] },
    { state: { role: "worker", status: "idle" } },
  );
  worker.setReceiveCb(async (data, from) => {
    const job = JSON.parse(Buffer.from(data).toString());
    worker.updateData("status", "busy");
    await new Promise((resolve) => setTimeout(resolve, 20)); // the work
    await worker.sendToNode(from, JSON.stringify({ job: job.id, result: job.n ** 2 }));
    worker.updateData("status", "idle");
  });
  return worker;
}

const workers = await Promise.all(["worker-1", "worker-2"].map(startWorker));
await dispatcher.waitForPeers(2);

const results = new Map();
const done = new Promise((resolve) => {
  dispatcher.setReceiveCb((data, from) => {
    const { job, result } = JSON.parse(Buffer.from(data).toString());
    results.set(job, result);
    console.log(`job ${job} = ${result}, done by ${from}`);
    if (results.size === 6) resolve();
  });
});

/** Waits for a worker that says it is idle and has not just been given something. */
async function freeWorker(given) {
  for (;;) {
    const idle = dispatcher
      .remotePeers()
      .filter((id) => dispatcher.readData(id, "status") === "idle" && !given.has(id));
    if (idle.length > 0) return idle[0];
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const given = new Set();
dispatcher.setUpdateCb(({ nodeId, current }) => {
  if (current.status === "busy") given.delete(nodeId); // it has begun: its own word counts again
});

for (let id = 1; id <= 6; id += 1) {
  const worker = await freeWorker(given);
  given.add(worker);
  await dispatcher.sendToNode(worker, JSON.stringify({ id, n: id }));
}
await done;
await Promise.all(
  workers.map((worker) =>
    dispatcher.waitForKey(worker.nodeId(), "status", (status) => status === "idle"),
  ),
);
await Promise.all([dispatcher, ...workers].map((node) => node.stop()));
