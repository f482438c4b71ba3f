/**
 * Who is there: probes each tick, verdicts only after several silent tries.
 *
 * A node that was itself suspended (a tick came far too late) blames nobody: it greets everybody
 * and begins again (D15).
 *
 * Source: the reference's tick; `docs/protocol.md`, Life.
 * @module
 */
import { type Address, sameAddress } from "../wire/exchange.ts";
import type { Flow } from "./flow.ts";
import { Gossip } from "./gossip.ts";
import type { Joining } from "./joining.ts";
import type { Kernel } from "./kernel.ts";
import type { Looks } from "./looks.ts";
import { isPresent, isUnanswered, type Member, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import { NativeProbes } from "./native-probes.ts";
import { PROOF_MS } from "./native-question.ts";
import type { Overlay } from "./overlay.ts";
import { noteListed, resetSync } from "./push-state.ts";
import { PythonProbes } from "./python-probes.ts";
import { RelayedCare } from "./relayed-care.ts";
import type { Relays } from "./relays.ts";
import type { Replication } from "./replication.ts";
import type { Trust } from "./trust.ts";

/** A tick that is later than this many intervals means that we were suspended. */
const LATE_TICKS = 1;

export class Liveness {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #joining: Joining;
  readonly #replication: Replication;
  readonly #overlay: Overlay;
  readonly #looks: Looks;
  readonly #gossip: Gossip;
  #tickDueMs = Number.POSITIVE_INFINITY;
  /** The wall clock minus the monotonic one at the last step, in milliseconds. */
  #clocksApartMs = Number.POSITIVE_INFINITY;
  #cancelTick: () => void = () => undefined;
  /** Grows at each resume: verdicts of probes sent before it are void. */
  #epoch = 0;
  readonly #native: NativeProbes;
  readonly #python: PythonProbes;
  readonly #relayed: RelayedCare;

  constructor(
    kernel: Kernel,
    members: Members,
    joining: Joining,
    replication: Replication,
    relays: Relays,
    overlay: Overlay,
    looks: Looks,
    trust: Trust,
    me: { readonly nodeId: string; readonly keyId: string | undefined },
    features: readonly string[],
  ) {
    this.#native = new NativeProbes({
      kernel,
      members,
      relays,
      overlay,
      trust,
      me,
      probe: (member) => this.probe(member),
      askOnSession: (member) => this.askOnSession(member),
      sendsDatagrams: features.includes("udp"),
      onForgotten: (member) => joining.forgotten(member),
      onNoSession: (member) => looks.at(member),
      onAnswered: (member) => this.#answered(member),
    });
    this.#python = new PythonProbes({
      kernel,
      members,
      relays,
      me,
      prove: (member, endpoint) => joining.prove(member, endpoint),
      onAnswered: (member) => this.#answered(member),
    });
    this.#relayed = new RelayedCare({
      kernel,
      members,
      relays,
      joining,
      answered: () => this.#native.suspicions.answeredOnSessions,
      epoch: () => this.#epoch,
    });
    this.#gossip = new Gossip({ kernel, members, joining, replication, overlay });
    this.#kernel = kernel;
    this.#members = members;
    this.#joining = joining;
    this.#replication = replication;
    this.#overlay = overlay;
    this.#looks = looks;
  }

  start(): void {
    // The first tick falls anywhere in the interval, so that nodes started together do not
    // march in step.
    this.#scheduleTick(this.#kernel.random() * this.#kernel.settings.tickMs);
    this.#native.rounds.start();
  }

  /** Nobody is probed any more. */
  stop(): void {
    this.#cancelTick();
    this.#tickDueMs = Number.POSITIVE_INFINITY;
    this.#native.rounds.stop();
  }

  /** How many questions in a row a native node that is there leaves unanswered so seldom, 0 to 1. */
  tries(falseShare: number): number {
    return this.#native.suspicions.answered.tries(falseShare);
  }

  /** Others say that they suspect these nodes. */
  hearSuspects(suspects: readonly string[], from: Member): void {
    this.#native.rumours.hear(suspects, from);
  }

  #scheduleTick(ms: number): void {
    this.#tickDueMs = this.#kernel.now.monotonicMs + ms;
    this.#cancelTick();
    this.#cancelTick = this.#kernel.after(ms, () => this.#tick());
  }

  /**
   * Called before anything else of a step, so that nobody is sent a state who dropped us while we
   * were suspended.
   */
  noticeSuspension(): void {
    const { tickMs } = this.#kernel.settings;
    const { monotonicMs, unixSeconds } = this.#kernel.now;
    const apartMs = unixSeconds * 1_000 - monotonicMs;
    // On some systems the monotonic clock stands still while the machine sleeps.
    const slept = apartMs - this.#clocksApartMs > LATE_TICKS * tickMs;
    this.#clocksApartMs = apartMs;
    // Before the start, and after the end, there is nobody to forgive.
    if (this.#tickDueMs === Number.POSITIVE_INFINITY) return;
    if (!slept && monotonicMs - this.#tickDueMs <= LATE_TICKS * tickMs) return;
    this.#scheduleTick(tickMs);
    this.#epoch += 1;
    this.#joining.greetEverybody();
  }

  #tick(): void {
    this.#scheduleTick(this.#kernel.settings.tickMs);
    const present = this.#members.present();
    for (const member of present) this.#care(member);
    this.#relayed.tick(present);
    for (const link of this.#overlay.links) this.#askForProof(link);
    this.#looks.tick();
    this.#replication.pushAll();
    this.#gossip.tick();
  }

  #care(member: Member): void {
    // The others are asked in rounds of their own.
    if (!speaksNative(member)) this.probe(member);
    if (member.status === "one-way" && !this.#isFresh(member)) {
      this.#members.setStatus(member, "down", member.reason);
      this.#joining.pursue(member);
    } else if (member.status === "alive" && (member.seesUs === false || member.push.needsHello)) {
      this.#joining.visit(member);
    }
  }

  /** A session that is not used might have ended without a word. */
  #askForProof(link: Member): void {
    if (this.#kernel.now.monotonicMs - link.provenMs >= PROOF_MS) this.probe(link);
  }

  /** A Python peer calls only those that it lists. */
  pingedFrom(address: string): void {
    for (const member of this.#members.each()) {
      if (member.native !== undefined || !isPresent(member)) continue;
      if (member.endpoint?.address !== address && member.source !== address) continue;
      noteListed(member, this.#kernel.now.monotonicMs);
    }
  }

  /** Something hints that the member is gone: look now instead of at the next tick. */
  suspectAt(endpoint: Address): void {
    for (const member of this.#members.present()) {
      if (sameAddress(member.endpoint, endpoint)) this.probe(member);
    }
  }

  /** The last session with it ended: what was on its way there may be lost. */
  sessionLost(member: Member): void {
    const { held } = member.sync;
    resetSync(member);
    member.sync.held = held;
    member.sync.sent = held;
    // What it proved is of a process that may be gone.
    member.provenMs = Number.NEGATIVE_INFINITY;
    member.busySinceMs = undefined;
    this.probe(member);
  }

  /**
   * Others have a reason to think that it is gone. Somebody else may answer datagrams at the address
   * of a dead node: not on its session.
   */
  askOnSession(member: Member): void {
    const { monotonicMs } = this.#kernel.now;
    member.datagramsLostUntilMs = Math.max(member.datagramsLostUntilMs, monotonicMs + 1);
    this.probe(member);
  }

  probe(member: Member): void {
    if (member.probing || !isPresent(member) || member.status === "relayed") return;
    member.probing = true;
    this.#kernel.spawn(this.#probe(member));
  }

  *#probe(member: Member): Flow {
    const epoch = this.#epoch;
    try {
      const probes = speaksNative(member) ? this.#native : this.#python;
      const failed = yield* probes.tries(member, () => epoch === this.#epoch);
      if (failed === undefined || epoch !== this.#epoch || !isPresent(member)) return;
      const { trouble, sinceMs } = failed;
      if (yield* failed.others) {
        if (epoch !== this.#epoch || member.status !== "suspect") return;
        this.#members.setStatus(member, "relayed", trouble);
      } else if (epoch !== this.#epoch || !isPresent(member)) {
        return;
      } else if (
        member.heardMs > sinceMs ||
        (member.status === "one-way" && this.#isFresh(member))
      ) {
        this.#members.setStatus(member, "one-way", trouble);
      } else {
        this.#members.setStatus(member, "down", trouble);
        // Nobody of that name has ever answered us.
        if (isUnanswered(member)) {
          this.#members.removeUnproven(member);
          return;
        }
      }
      this.#joining.pursue(member);
    } finally {
      member.probing = false;
    }
  }

  #answered(member: Member): void {
    if (member.status === "alive") return;
    this.#members.setStatus(member, "alive", undefined);
    if (member.push.needsHello) this.#joining.visit(member);
    else this.#replication.pushAll();
  }

  /** Only a native HELLO proves that a node we do not reach is alive now. */
  #isFresh(member: Member): boolean {
    return (
      member.native !== undefined &&
      this.#kernel.now.monotonicMs - member.heardMs < this.#kernel.settings.oneWayMs
    );
  }
}
