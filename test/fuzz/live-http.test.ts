/** A live node that is sent garbage over HTTP: with the network key, without it, and no HTTP at all. */
import { describe, expect } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { Seal } from "../../src/crypto/seal.ts";
import { MESSAGE_PATHS, type MessageType } from "../../src/wire/message-type.ts";
import { it } from "../helpers/network.ts";
import { post } from "../helpers/raw-http.ts";
import { fromHex } from "../vectors.ts";
import {
  describe as describeInput,
  explain,
  finish,
  newRow,
  progressOf,
  type Row,
} from "./campaign.ts";
import { CORPUS, type Shot } from "./corpus.ts";
import { KeptConnection, sendRaw } from "./http-shots.ts";
import { mutate, pick, type Random } from "./mutate.ts";
import { inputsOf, randomOf, SEED } from "./settings.ts";
import { Siege } from "./siege.ts";

const HOUR_MS = 3_600_000;
const CONNECTIONS = 8;
const BURST = 24;
/** One input in so many is changed as HTTP; of the others, one in three as an envelope. */
const RAW = 4;

/** One request, and what the node reads in it; undefined when it does not open. */
interface Sealed {
  readonly path: MessageType;
  readonly body: Uint8Array;
  readonly shot: Shot | undefined;
}

/** Fires at one node until its share is spent. */
class Attack {
  readonly #siege: Siege;
  readonly #seal: Seal;
  readonly #row: Row;
  readonly #random: Random;
  readonly #report: () => void;

  constructor(siege: Siege, seal: Seal, row: Row) {
    this.#siege = siege;
    this.#seal = seal;
    this.#row = row;
    this.#random = randomOf(row.target);
    this.#report = progressOf(row);
  }

  async run(): Promise<void> {
    const kept = Array.from({ length: CONNECTIONS }, () => new KeptConnection(this.#siege.port));
    let left = inputsOf(this.#row.target);
    try {
      while (left > 0 && this.#row.findings.length === 0) {
        const rounds = kept.map(async (connection, index) => {
          if (index % RAW === 0) await this.#raw();
          else await this.#burst(connection);
        });
        const before = this.#row.inputs;
        await Promise.all(rounds);
        left -= this.#row.inputs - before;
        this.#siege.watch();
        this.#report();
      }
    } finally {
      for (const connection of kept) connection.close();
    }
  }

  async #burst(connection: KeptConnection): Promise<void> {
    const sealed = await Promise.all(Array.from({ length: BURST }, () => this.#next()));
    const requests = sealed.map(({ path, body }) => post(MESSAGE_PATHS[path], body));
    const statuses = await connection.burst(requests);
    for (const [index, { path, body, shot }] of sealed.entries()) {
      const status = statuses[index];
      if (status === undefined) continue;
      this.#row.inputs++;
      if (status !== 200) this.#row.refused++;
      else if (shot !== undefined && this.#siege.wasSaid(shot)) this.#row.read++;
      else {
        this.#row.accepted++;
        this.#row.findings.push(describeInput(`200 on ${MESSAGE_PATHS[path]}`, body));
      }
    }
  }

  /** What a member may send, or what a stranger makes of an envelope that it has seen. */
  async #next(): Promise<Sealed> {
    const random = this.#random;
    const shot = random() < 0.66 ? this.#siege.nextShot(random) : this.#siege.said(random);
    const plaintext = Buffer.concat([Buffer.of(shot.type), shot.payload]);
    const sealed = await this.#seal.seal(plaintext);
    if (!this.#siege.wasSaid(shot)) {
      return { path: shot.type, body: sealed, shot };
    }
    const body = mutate(sealed, CORPUS.envelopes, random).subarray(0, 4_000);
    const opened = await this.#seal.open(body);
    const read =
      opened?.[0] === shot.type ? { type: shot.type, payload: opened.subarray(1) } : undefined;
    return { path: shot.type, body, shot: read };
  }

  /** Not even HTTP. What is answered with 200 was said before; {@link Siege.end} would see it else. */
  async #raw(): Promise<void> {
    for (let count = 0; count < 4; count++) {
      const said = this.#siege.said(this.#random);
      const body = await this.#seal.seal(Buffer.concat([Buffer.of(said.type), said.payload]));
      const real = post(MESSAGE_PATHS[said.type], body.subarray(0, 600));
      const recorded = this.#random() < 0.5 ? real : pick(CORPUS.requests, this.#random);
      const statuses = await sendRaw(
        this.#siege.port,
        mutate(recorded, CORPUS.requests, this.#random),
      );
      this.#row.inputs++;
      if (statuses.includes(200)) this.#row.read++;
      else this.#row.refused++;
    }
  }
}

describe(`A live node on HTTP, seed ${SEED}`, () => {
  for (const [name, sealed] of [
    ["http", true],
    ["http without a key", false],
  ] as const) {
    it.skipIf(inputsOf(name) === 0)(
      `${name}: takes nothing in, keeps nothing, and serves others afterwards`,
      async ({ net }) => {
        const siege = await Siege.begin(net, { udp: false, sealed });
        const row = newRow(name);
        const seal = sealed ? createAesCbcSeal(fromHex(net.key ?? "")) : createPlainSeal();
        await new Attack(siege, seal, row).run();
        await siege.end(row);
        expect(finish(row).findings, explain(row, "live-http.test.ts")).toEqual([]);
      },
      HOUR_MS,
    );
  }
});
