/** A client that is answered garbage, over HTTP and inside a node: hostile members answer too. */
import { describe, expect } from "vitest";
import { createAesCbcSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { Carrier, Reply } from "../../src/transport/carrier.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { decodeStatePacket, encodeStatePacket } from "../../src/wire/state-packet.ts";
import { eventually, sleep } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";
import { onRequests, serveRaw } from "../helpers/raw-http.ts";
import { answerOf, fromHex, REFUSED } from "../vectors.ts";
import { describe as describeInput, explain, finish, newRow, progressOf } from "./campaign.ts";
import { CORPUS, VECTOR_KEY } from "./corpus.ts";
import { mutate, pick, type Random } from "./mutate.ts";
import { inputsOf, randomOf, SEED } from "./settings.ts";

const HOUR_MS = 3_600_000;
const OPTIONS = { timeoutMs: 20_000, answerBytesMax: 64 * 1024 };
const TOGETHER = 8;

const HTTP = "http-answers";
const CORE = "answers";

const seal = createAesCbcSeal(fromHex(VECTOR_KEY));

/** Answers as honest servers write them. */
async function honestAnswers(): Promise<Uint8Array[]> {
  const heads = [
    "HTTP/1.1 200 OK\r\nServer: dsn\r\nDate: Fri, 02 Oct 2026 10:20:30 GMT\r\n",
    "HTTP/1.0 401 Unauthorized\r\nServer: BaseHTTP/0.6 Python/3.11.2\r\n",
    "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
  ];
  const bodies = await Promise.all(CORPUS.framed.map(async (framed) => seal.seal(framed)));
  return bodies.flatMap((body) =>
    heads.flatMap((head) => [
      Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body]),
      Buffer.concat([
        Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
        body,
        Buffer.from("\r\n0\r\n\r\n"),
      ]),
    ]),
  );
}

describe(`Garbage as answers, seed ${SEED}`, () => {
  it.skipIf(inputsOf(HTTP) === 0)(
    "http-answers: each request ends once, early, and as what it is",
    async ({ net }) => {
      const row = newRow(HTTP);
      const random = randomOf(HTTP);
      const honest = await honestAnswers();
      let last: Uint8Array = new Uint8Array();
      const { at, close } = await serveRaw((socket) => {
        onRequests(socket, () => {
          last = mutate(pick(honest, random), honest, random);
          socket.end(last);
        });
      });
      net.atEnd(close);
      const carrier = createHttpCarrier({ seal });
      net.atEnd(() => carrier.close());
      const report = progressOf(row);
      const message = { type: MessageType.DATA, payload: Buffer.of(1) };
      while (row.inputs < inputsOf(HTTP) && row.findings.length === 0) {
        const asked = Array.from({ length: TOGETHER }, () => carrier.request(at, message, OPTIONS));
        for (const reply of await Promise.all(asked)) {
          row.inputs++;
          if (reply.kind === "answer") row.read++;
          else row.refused++;
          const late = reply.kind === "failed" && reply.detail.includes("within");
          if (late) row.findings.push(describeInput(`it waited: ${reply.detail}`, last));
        }
        report();
      }
      expect(finish(row).findings, explain(row, "live-answers.test.ts")).toEqual([]);
    },
    HOUR_MS,
  );

  it.skipIf(inputsOf(CORE) === 0)(
    "answers: no answer makes a node hold what its owner did not write, or throw",
    async ({ net }) => {
      const row = newRow(CORE);
      const random = randomOf(CORE);
      const report = progressOf(row);
      const network = new MemoryNetwork();
      const honest = () => network.createCarrier("127.0.0.1", { networkKey: "key" });
      const witness = await net.ours({ nodeId: "witness" }, { parts: { carrier: honest() } });
      witness.server.updateData("status", "ready");
      const config = { nodeId: "target", bootstrapNodes: [witness.address] };
      let garbled = false;
      const onAnswer = () => {
        row.inputs++;
        row.refused++;
        report();
      };
      const carrier = garbling(honest(), random, () => garbled, onAnswer);
      const settings = { tickMs: 2, oneWayMs: 2_000 };
      const faults: Error[] = [];
      const onWarning = (warning: Error) => faults.push(warning);
      process.on("warning", onWarning);
      const target = await net.ours(config, { settings, parts: { carrier } });
      await target.server.waitForKey("witness", "status");
      const mine = target.updates.length;
      garbled = true;
      while (row.inputs < inputsOf(CORE) && row.findings.length === 0) {
        // A state that changes, so that answers to it do.
        target.server.updateData("round", String(row.inputs));
        await sleep(2);
      }
      garbled = false;
      await eventually(() => expect(target.server.peers()).toEqual(["target", "witness"]));
      process.off("warning", onWarning);
      const held = target.updates.slice(mine).map(({ current }) => ({ ...current }));
      const odd = held.filter((current) => JSON.stringify(current) !== '{"status":"ready"}');
      row.accepted = odd.length + target.data.length;
      row.findings.push(...faults.map(({ stack }) => String(stack)));
      row.findings.push(...odd.map((current) => `held: ${JSON.stringify(current)}`));
      expect({ ...target.server.getAll("witness") }).toEqual({ status: "ready" });
      expect(finish(row).findings, explain(row, "live-answers.test.ts")).toEqual([]);
    },
    HOUR_MS,
  );
});

/** A state in the right form, newer and with other text: all but its signature is right. */
function forge(bytes: Uint8Array): Uint8Array {
  const decoded = answerOf(() => decodeStatePacket(bytes));
  if (decoded === REFUSED) return bytes;
  const { packet } = decoded as ReturnType<typeof decodeStatePacket>;
  const text = packet.text.replace("ready", "forged");
  return encodeStatePacket({ ...packet, version: packet.version + 1, text });
}

/** A carrier whose answers are changed on the way while `isOn`. */
function garbling(
  carrier: Carrier,
  random: Random,
  isOn: () => boolean,
  onAnswer: () => void,
): Carrier {
  const known: Uint8Array[] = [];
  const garble = (reply: Reply): Reply => {
    if (!isOn()) {
      if (reply.kind === "answer") known.push(Uint8Array.from(reply.payload));
      return reply;
    }
    onAnswer();
    // Some pass, or nobody would be asked for long.
    if (reply.kind !== "answer" || random() < 0.3) return reply;
    const bytes = random() < 0.8 ? reply.payload : pick(known, random);
    const payload = random() < 0.2 ? forge(bytes) : mutate(bytes, known, random);
    return { ...reply, payload };
  };
  return {
    name: carrier.name,
    listen: (at, listener) => carrier.listen(at, listener),
    request: async (to, message, options) => garble(await carrier.request(to, message, options)),
    broadcast: (to, message, options, onReply) =>
      carrier.broadcast(to, message, options, (index, reply) => onReply(index, garble(reply))),
    close: () => carrier.close(),
  };
}
