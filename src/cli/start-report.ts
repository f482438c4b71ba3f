/**
 * What happens to a running node, as lines for people or as events for programs.
 *
 * A report is told everything through the same calls; how it looks is its own business.
 * @module
 */
import type { DSNodeServer } from "../node/ds-node-server.ts";
import type { DataMessage, DSNodeEvents, StateChange, Warning } from "../node/events.ts";
import type { PeerInfo } from "../node/peer-info.ts";
import type { Output } from "./output.ts";
import type { Style } from "./paint.ts";
import { toProblem } from "./problems.ts";
import { type BannerFacts, bannerLines, reachable } from "./start-banner.ts";
import { printable, printableValue } from "./text.ts";
import { PROTOCOL, packageVersion } from "./version.ts";

export interface Report {
  listening(facts: BannerFacts): void;
  joined(event: DSNodeEvents["joined"], peers: readonly string[]): void;
  peerJoined(peer: DSNodeEvents["peer:join"]): void;
  peerLeft(peer: PeerInfo): void;
  isolated(event: DSNodeEvents["isolated"]): void;
  connected(event: DSNodeEvents["connected"]): void;
  /** Its program began to be busy, or is no more. */
  peerBusy(peer: DSNodeEvents["peer:status"]): void;
  changed(change: StateChange): void;
  received(message: DataMessage): void;
  warned(warning: Warning): void;
  closed(): void;
}

/** Keys of one change that get a line each; the rest is a number. */
const KEYS_SHOWN = 20;

/** One line per event, with the local time in front. */
export class HumanReport implements Report {
  readonly #output: Output;
  readonly #clock: () => Date;

  constructor(output: Output, clock: () => Date = () => new Date()) {
    this.#output = output;
    this.#clock = clock;
  }

  listening(facts: BannerFacts): void {
    this.#output.talk(...bannerLines(facts, this.#output.paintTalk));
    if (this.#output.quiet && facts.server.keyId === undefined) {
      this.#output.warnLine("Traffic is not encrypted: no --key-file given");
    }
  }

  joined({ through }: DSNodeEvents["joined"], peers: readonly string[]): void {
    const names = peers.map((nodeId) => printable(nodeId)).join(", ");
    this.#line("green", "joined", `through ${through.toString()}; peers: ${names}`);
  }

  peerJoined({ nodeId, endpoint, rejoined }: DSNodeEvents["peer:join"]): void {
    const from = endpoint === undefined ? "" : ` from ${endpoint.toString()}`;
    this.#line("green", "join", `${printable(nodeId)}${from}${rejoined ? ", back again" : ""}`);
  }

  peerLeft({ nodeId, reason, status }: PeerInfo): void {
    const why = reason === undefined ? "" : `  ${reason.code}  ${printable(reason.message)}`;
    const how = status === "left" ? "  it said goodbye" : why;
    this.#line("red", "leave", `${printable(nodeId)}${how}`);
  }

  isolated({ reason }: DSNodeEvents["isolated"]): void {
    const { code, message, why } = reason;
    this.#line("red", "alone", `${printable(message)}: ${printable(why ?? "")}  ${code}`);
  }

  connected({ isolatedMs }: DSNodeEvents["connected"]): void {
    this.#line("green", "again", `not alone any more, after ${Math.round(isolatedMs / 1_000)} s`);
  }

  peerBusy({ nodeId, status, busyMs }: DSNodeEvents["peer:status"]): void {
    const isBusy = status === "busy";
    const since = `its program has answered nothing for ${((busyMs ?? 0) / 1_000).toFixed(1)} s`;
    const text = isBusy ? `${since}; it lives, a worker says` : "answers itself again";
    this.#line(isBusy ? "yellow" : "green", "busy", `${printable(nodeId)}  ${text}`);
  }

  changed({ nodeId, added, updated, removed, current, previous }: StateChange): void {
    const owner = printable(nodeId);
    const written = [...added, ...updated];
    for (const key of written.slice(0, KEYS_SHOWN)) {
      const before = previous[key];
      const old = before === undefined ? "(new)" : printableValue(before);
      const now = printableValue(current[key] ?? "");
      this.#line("cyan", "set", `${owner}  ${printableValue(key)}  ${old} -> ${now}`);
    }
    for (const key of removed.slice(0, KEYS_SHOWN)) {
      const old = printableValue(previous[key] ?? "");
      this.#line("yellow", "delete", `${owner}  ${printableValue(key)}  ${old} -> (deleted)`);
    }
    const more = left(written) + left(removed);
    if (more > 0) this.#line("cyan", "set", `${owner}  … and ${more} more keys`);
  }

  received({ from, data }: DataMessage): void {
    const size = `${data.length} ${data.length === 1 ? "byte" : "bytes"}`;
    this.#line("magenta", "data", `${printable(from)}  ${size}  ${preview(data)}`);
  }

  warned({ error, resolved }: Warning): void {
    const problem = toProblem(error);
    if (resolved) {
      this.#line("green", "over", `${printable(problem.message)}  ${problem.code}`);
      return;
    }
    // Behind "nobody let us in" is what a person can act on, when there is one reason.
    const { cause } = problem;
    const tried = /none of 1 bootstrap/.test(problem.message);
    if (problem.code !== "DSN_NO_BOOTSTRAP" || cause === undefined || !tried) {
      this.#output.warn(problem, this.#time());
    } else {
      const fix = [...cause.fix, "this node keeps trying; Ctrl-C stops it"];
      this.#output.warn({ ...cause, fix }, this.#time());
    }
  }

  closed(): void {
    this.#output.talk("Stopped.");
  }

  #time(): string {
    return this.#clock().toTimeString().slice(0, 8);
  }

  #line(style: Style, word: string, text: string): void {
    if (this.#output.quiet) return;
    const { paint } = this.#output;
    this.#output.answer(`${paint("dim", this.#time())}  ${paint(style, word.padEnd(6))}  ${text}`);
  }
}

/** One JSON object per event. */
export class JsonReport implements Report {
  readonly #output: Output;
  readonly #clock: () => Date;

  constructor(output: Output, clock: () => Date = () => new Date()) {
    this.#output = output;
    this.#clock = clock;
  }

  listening({ server, isNew }: BannerFacts): void {
    const { address, port } = server.node.bound ?? { address: "", port: server.port };
    this.#event("listening", {
      node: server.nodeId(),
      fingerprint: server.fingerprint,
      newIdentity: isNew,
      address,
      port,
      reach: reachable(server).map(String),
      encrypted: server.keyId !== undefined,
      keyId: server.keyId,
      version: packageVersion(),
      protocol: PROTOCOL,
    });
  }

  joined({ through }: DSNodeEvents["joined"], peers: readonly string[]): void {
    this.#event("joined", { through: through.toString(), peers });
  }

  peerJoined(peer: DSNodeEvents["peer:join"]): void {
    this.#event("peer:join", { ...peerFields(peer), rejoined: peer.rejoined });
  }

  peerLeft(peer: PeerInfo): void {
    const { status, reason } = peer;
    this.#event("peer:leave", { ...peerFields(peer), status, reason });
  }

  isolated({ reason }: DSNodeEvents["isolated"]): void {
    this.#event("isolated", { reason: toProblem(reason) });
  }

  connected({ isolatedMs }: DSNodeEvents["connected"]): void {
    this.#event("connected", { isolatedMs: Math.round(isolatedMs) });
  }

  peerBusy(peer: DSNodeEvents["peer:status"]): void {
    const { status, before, busyMs } = peer;
    this.#event("peer:status", { ...peerFields(peer), status, before, busyMs });
  }

  changed({ nodeId, current, previous, removed, updatedAt }: StateChange): void {
    this.#event("state:update", {
      node: nodeId,
      set: current,
      deleted: removed,
      previous,
      updatedAt,
    });
  }

  received({ from, data }: DataMessage): void {
    const text = asText(data);
    const content =
      text === undefined ? { base64: Buffer.from(data).toString("base64") } : { text };
    this.#event("data", { from, size: data.length, ...content });
  }

  warned({ error, resolved }: Warning): void {
    this.#event("warning", { resolved, ...toProblem(error) });
  }

  closed(): void {
    this.#event("closed", {});
  }

  #event(type: string, fields: object): void {
    this.#output.answerJson({ type, at: this.#clock(), ...fields });
  }
}

/** Tells a report what happens on a server, from now on. */
export function connect(server: Pick<DSNodeServer, "on" | "remotePeers">, report: Report): void {
  server.on("joined", (event) => report.joined(event, server.remotePeers()));
  server.on("peer:join", (peer) => report.peerJoined(peer));
  server.on("peer:leave", (peer) => report.peerLeft(peer));
  server.on("isolated", (event) => report.isolated(event));
  server.on("connected", (event) => report.connected(event));
  connectBusy(server, report);
  server.on("state:update", (change) => report.changed(change));
  server.on("data", (message) => report.received(message));
  server.on("warning", (warning) => report.warned(warning));
}

/** Once when it begins and once when it ends: on bad links a busy peer is suspected in between. */
function connectBusy(server: Pick<DSNodeServer, "on">, report: Report): void {
  const busy = new Set<string>();
  server.on("peer:leave", ({ nodeId }) => busy.delete(nodeId));
  server.on("peer:status", (peer) => {
    const { nodeId, status } = peer;
    const begins = status === "busy" && !busy.has(nodeId);
    const ends = status === "alive" && busy.delete(nodeId);
    if (begins) busy.add(nodeId);
    if (begins || ends) report.peerBusy(peer);
  });
}

function peerFields({ nodeId, endpoint, fingerprint }: PeerInfo): object {
  return { node: nodeId, endpoint: endpoint?.toString(), fingerprint };
}

function left(keys: readonly string[]): number {
  return Math.max(0, keys.length - KEYS_SHOWN);
}

/** @param isCut More follows: the last character may be a part of one. */
function asText(data: Uint8Array, isCut = false): string | undefined {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(data, { stream: isCut });
  } catch {
    return undefined;
  }
}

/** Of more than this nothing is shown. */
const PREVIEW_BYTES = 4_096;

/** As text where it is text, else its first bytes. */
function preview(data: Uint8Array): string {
  const text = asText(data.subarray(0, PREVIEW_BYTES), data.length > PREVIEW_BYTES);
  if (text !== undefined) return printableValue(text, 80);
  const hex = Buffer.from(data.subarray(0, 24))
    .toString("hex")
    .replace(/..(?=.)/g, "$& ");
  return data.length > 24 ? `${hex} …` : hex;
}
