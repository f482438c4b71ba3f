/**
 * Getting in, finding everybody, and coming back: for ever.
 *
 * Every bootstrap node is tried, again and again, whatever the order in which nodes start (D16).
 * A node that is down is pursued with growing pauses. Dial-back never delays an answer: it decides
 * who is listed.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, formatAddress, sameAddress } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import type { Alerts } from "./alerts.ts";
import { Dials } from "./dials.ts";
import { all, type Flow, wait } from "./flow.ts";
import type { Greeted, Greeting } from "./greeting.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, noteFailure, noteListed } from "./member.ts";
import type { Members } from "./members.ts";
import type { Named, PeerLists } from "./peer-lists.ts";
import type { Replication } from "./replication.ts";
import type { Self } from "./self.ts";
import { isForgotten } from "./replication.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";

const HOUR_MS = 3_600_000;
/** Who listens waits this long for the dials; they go on, but a list can be long and made up. */
const LISTEN_MS = 5_000;
const GROWTH = 1.5;
/** Places that HELLOs of a member came from, tried when it is not reached. */
const CANDIDATES_MAX = 3;

export class Joining {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #members: Members;
  readonly #alerts: Alerts;
  readonly #greeting: Greeting;
  readonly #replication: Replication;
  readonly #peerLists: PeerLists;
  readonly #keyId: string | undefined;
  readonly #bootstrapTroubles = new Map<string, DsnError>();
  /** Who answered at a bootstrap endpoint: a name leads to a member that we call by its number. */
  readonly #bootstrapMembers = new Map<string, Member>();
  #bootstrapCount = 0;
  #joined = false;
  /** Members being pursued, so that each has at most one such flow; `hurry` ends its pause. */
  readonly #pursuits = new Map<Member, { hurry: () => void }>();
  /** Members being met, with those who wait for the end of it. */
  readonly #meetings = new Map<Member, (() => void)[]>();
  /** Members being greeted again, and whether once more after that. */
  readonly #visits = new Map<Member, { again: boolean }>();
  readonly #dials: Dials;

  constructor(
    kernel: Kernel,
    self: Self,
    members: Members,
    alerts: Alerts,
    greeting: Greeting,
    replication: Replication,
    peerLists: PeerLists,
    keyId: string | undefined,
  ) {
    this.#kernel = kernel;
    this.#self = self;
    this.#members = members;
    this.#alerts = alerts;
    this.#greeting = greeting;
    this.#replication = replication;
    this.#peerLists = peerLists;
    this.#keyId = keyId;
    this.#dials = new Dials(kernel);
  }

  // ---- bootstrap ------------------------------------------------------------------------------

  start(bootstrap: readonly Address[]): void {
    this.#bootstrapCount = bootstrap.length;
    this.#kernel.spawn(this.#firstRound(bootstrap));
  }

  *#firstRound(bootstrap: readonly Address[]): Flow {
    yield* all(bootstrap.map((endpoint) => this.#joinThrough(endpoint)));
    this.#kernel.event({ name: "first-round" });
    if (bootstrap.length > 0 && !this.#joined) this.#raiseNoBootstrap();
    for (const endpoint of bootstrap) this.#kernel.spawn(this.#keepTrying(endpoint));
  }

  /** Goes on for ever: a bootstrap node may come back under another identity. */
  *#keepTrying(endpoint: Address): Flow {
    const pause = this.#pauses();
    for (;;) {
      yield* this.#kernel.sleep(pause.next());
      if (this.#knownAt(endpoint)) {
        pause.reset();
        continue;
      }
      const done = yield* this.#joinThrough(endpoint);
      if (done === "ourselves") return;
      if (done === "joined") pause.reset();
    }
  }

  #knownAt(endpoint: Address): boolean {
    const answered = this.#bootstrapMembers.get(formatAddress(endpoint));
    return this.#members
      .present()
      .some((member) => member === answered || sameAddress(member.endpoint, endpoint));
  }

  *#joinThrough(endpoint: Address): Flow<"joined" | "failed" | "ourselves"> {
    try {
      const greeted = yield* this.#greeting.greet(endpoint);
      this.#settleEndpoint(greeted, endpoint);
      yield* this.meet(greeted.member);
      this.#bootstrapTroubles.delete(formatAddress(endpoint));
      this.#bootstrapMembers.set(formatAddress(endpoint), greeted.member);
      this.#noteJoined(endpoint);
      return "joined";
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      if (error.code === "DSN_SELF") {
        this.#bootstrapCount -= 1;
        return "ourselves";
      }
      this.#bootstrapTroubles.set(formatAddress(endpoint), error);
      return "failed";
    }
  }

  #noteJoined(through: Address): void {
    this.#alerts.clear("", "DSN_NO_BOOTSTRAP");
    if (this.#joined) return;
    this.#joined = true;
    this.#kernel.event({ name: "joined", through });
  }

  #raiseNoBootstrap(): void {
    if (this.#bootstrapCount === 0) return;
    const troubles = [...this.#bootstrapTroubles].map(
      ([where, { message, why = "no reason given", code }]) =>
        `${where}: ${message}, ${why} (${code})`,
    );
    this.#alerts.raise(
      new DsnError(
        "DSN_NO_BOOTSTRAP",
        `Not joined yet: none of ${this.#bootstrapCount} bootstrap nodes let us in`,
        {
          why: troubles.join("; "),
          fix: ["start one of them; this node keeps trying"],
          cause: [...this.#bootstrapTroubles.values()][0],
        },
      ),
      "",
    );
  }

  /** A node let us in that we may not have been looking for: we are part of a network. */
  noteCompany(): void {
    this.#alerts.clear("", "DSN_NO_BOOTSTRAP");
  }

  // ---- meeting --------------------------------------------------------------------------------

  /** We dialled `endpoint` and the member answered there. */
  #settleEndpoint({ member, restarted }: Greeted, endpoint: Address): void {
    // An address that works is kept: one machine has many names.
    if (restarted || !isPresent(member) || member.endpoint === undefined)
      member.endpoint = endpoint;
  }

  /**
   * Exchanges states with a member that answers at its endpoint, lists it, and hears whom it
   * lists. The state comes first, so that whoever learns of the peer can read it.
   */
  *meet(member: Member): Flow {
    const meeting = this.#meetings.get(member);
    if (meeting !== undefined) {
      yield* wait<void>((resume) => meeting.push(() => resume()));
      return;
    }
    this.#meetings.set(member, []);
    try {
      yield* this.#exchangeAndList(member);
    } finally {
      const waiting = this.#meetings.get(member) ?? [];
      this.#meetings.delete(member);
      for (const resume of waiting) resume();
    }
  }

  *#exchangeAndList(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined) return;
    yield* this.#replication.exchange(member, endpoint);
    if (!this.#members.has(member)) return;
    this.#members.setStatus(member, "alive", undefined);
    this.#alerts.clear(member.nodeId, "DSN_UNREACHABLE");
    this.noteCompany();
    // Writes made while the exchange was under way.
    this.#replication.pushAll();
    yield* this.listen(member, endpoint);
  }

  /** Asks a member for its list and dials whoever is new. */
  *listen(member: Member, endpoint: Address): Flow {
    const heard = yield* this.#peerLists.ask(member, endpoint);
    if (heard.kind === "list") yield* this.#kernel.within(LISTEN_MS, this.#heard(member, heard));
    else if (isForgotten(heard.reply)) this.forgotten(member);
    else noteFailure(member, this.#kernel.now.monotonicMs);
  }

  *#heard(member: Member, { named }: { readonly named: readonly Named[] }): Flow {
    if (member.native === undefined) {
      // It answers only those that it lists.
      noteListed(member, this.#kernel.now.monotonicMs);
      member.push.needsHello = false;
    }
    if (member.seesUs === true) this.#alerts.clear(member.nodeId, "DSN_ONE_WAY");
    yield* all(named.map((one) => this.#dialNamed(one, member.nodeId)));
  }

  *#dialNamed({ nodeId, endpoint }: Named, namer: string): Flow {
    const known = this.#members.get(nodeId);
    if (known !== undefined) {
      // What others say is a reason to look, never a verdict.
      if (!isPresent(known)) this.#lookAgain(known, endpoint);
      return;
    }
    if (this.#dials.failedLately(nodeId, endpoint)) return;
    if (!(yield* this.#dials.enter(namer))) return;
    try {
      if (this.#members.get(nodeId) !== undefined) return;
      if (this.#dials.failedLately(nodeId, endpoint)) return;
      const greeted = yield* this.#greeting.greet(endpoint, nodeId);
      this.#settleEndpoint(greeted, endpoint);
      yield* this.#inLine(greeted.member);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      this.#dials.rememberFailure(nodeId, endpoint);
    } finally {
      this.#dials.leave();
    }
  }

  /** Like {@link meet}, without asking for another list: the tick does that, one at a time. */
  *#inLine(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined || this.#meetings.has(member)) return;
    yield* this.#replication.exchange(member, endpoint);
    if (this.#members.has(member)) this.#members.setStatus(member, "alive", undefined);
    this.#replication.pushAll();
  }

  // ---- pursuit --------------------------------------------------------------------------------

  /** Keeps trying to reach a member that is not present, starting now. */
  pursue(member: Member): void {
    const pursuit = this.#pursuits.get(member);
    if (pursuit !== undefined) {
      pursuit.hurry();
      return;
    }
    this.#pursuits.set(member, { hurry: () => undefined });
    this.#kernel.spawn(this.#pursuit(member));
  }

  *#pursuit(member: Member): Flow {
    const pause = this.#pauses();
    try {
      while (this.#members.has(member) && member.status !== "alive") {
        if (yield* this.#reach(member)) return;
        if (member.status === "joining" && this.#unreachedTooLong(member)) {
          if (!member.joinedBefore) {
            this.#members.remove(member);
            return;
          }
          // Whoever repeats an old HELLO must not make us forget a node that we knew.
          this.#members.setStatus(member, "down", member.reason);
        }
        yield* this.#pause(member, pause.next(this.#isShy(member)));
      }
    } finally {
      this.#pursuits.delete(member);
    }
  }

  *#pause(member: Member, ms: number): Flow {
    yield* wait<void>((resume) => {
      const cancel = this.#kernel.after(ms, () => resume());
      this.#pursuits.set(member, {
        hurry: () => {
          cancel();
          resume();
        },
      });
    });
    this.#pursuits.set(member, { hurry: () => undefined });
  }

  #unreachedTooLong(member: Member): boolean {
    return this.#kernel.now.monotonicMs - member.sinceMs > this.#kernel.settings.joiningMs;
  }

  /** A Python node that cannot call us back fires its callbacks at each of our attempts. */
  #isShy(member: Member): boolean {
    return member.native === undefined && member.forgottenMs.length > 2;
  }

  /** One attempt to reach a member, wherever it may be. True when it is present again. */
  *#reach(member: Member): Flow<boolean> {
    const { endpoint, candidates } = member;
    for (const candidate of candidates) {
      if ((yield* this.#reachAt(member, candidate)) === "reached") return true;
      if (member.status === "alive") return true;
    }
    if (endpoint === undefined) return false;
    const error = yield* this.#reachAt(member, endpoint);
    if (error === "reached" || member.status === "alive") return true;
    member.reason = error;
    if (isRefusal(error) && member.status !== "one-way") {
      this.#members.setStatus(member, "refused", error);
    }
    return false;
  }

  *#reachAt(member: Member, endpoint: Address): Flow<"reached" | DsnError> {
    try {
      // A PING wakes nobody; a HELLO makes a Python peer enter us and tell its application.
      if (member.native === undefined) yield* this.#ping(member, endpoint);
      yield* this.#greeting.greet(endpoint, member.nodeId);
      yield* this.#meetAt(member, endpoint);
      return "reached";
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return error;
    }
  }

  /** The member itself answered there, so that is where it is. */
  *#meetAt(member: Member, endpoint: Address): Flow {
    member.endpoint = endpoint;
    member.candidates = [];
    yield* this.meet(member);
  }

  *#ping(member: Member, endpoint: Address): Flow {
    const reply = yield* this.#kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    if (reply.kind === "answer") return;
    throw troubleOf(reply, {
      what: `reach ${member.nodeId}`,
      to: endpoint,
      nodeId: member.nodeId,
      me: this.#self.nodeId,
      keyId: this.#keyId,
    });
  }

  #lookAgain(member: Member, endpoint: Address): void {
    member.endpoint ??= endpoint;
    if (!sameAddress(member.endpoint, endpoint)) {
      this.#kernel.spawn(this.#tryElsewhere(member, endpoint));
    } else if (member.status !== "refused") {
      this.pursue(member);
    }
  }

  /** A node that is not reached may have moved: whoever answers there with its key is that node. */
  *#tryElsewhere(member: Member, endpoint: Address): Flow {
    if (this.#dials.failedLately(member.nodeId, endpoint)) return;
    this.#dials.rememberFailure(member.nodeId, endpoint);
    try {
      yield* this.#greeting.greet(endpoint, member.nodeId);
      if (!this.#members.has(member) || isPresent(member)) return;
      yield* this.#meetAt(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
    }
  }

  // ---- called upon ----------------------------------------------------------------------------

  /** Somebody said HELLO to us, with a valid signature, from `endpoint`. */
  greetedBy({ member, restarted, fresh }: Greeted, endpoint: Address | undefined): void {
    member.push.held = undefined;
    if (endpoint === undefined) return;
    if (this.#meetings.has(member)) {
      // We are just calling it ourselves, at an address that answers.
      member.endpoint ??= endpoint;
      return;
    }
    member.endpoint ??= endpoint;
    // Even a HELLO that is new to us may come from somebody who only passes it on.
    const elsewhere = !sameAddress(member.endpoint, endpoint);
    if (elsewhere) this.#addCandidate(member, endpoint);
    if (!isPresent(member)) {
      if (member.status !== "joining") this.#members.setStatus(member, "joining", undefined);
      this.pursue(member);
    } else if (elsewhere) {
      this.#considerMove(member, endpoint, restarted, fresh);
    } else if (member.native !== undefined) {
      // It may have restarted, or dropped us: it holds nothing of ours for sure. A Python peer
      // asks for our state next; one that came before our answer would make it list a ghost.
      this.#replication.pushAll();
    }
  }

  #addCandidate(member: Member, endpoint: Address): void {
    const others = member.candidates.filter((other) => !sameAddress(other, endpoint));
    member.candidates = [endpoint, ...others].slice(0, CANDIDATES_MAX);
  }

  /** D02, D09: a HELLO alone moves nobody. The node itself must answer at the new address. */
  #considerMove(member: Member, endpoint: Address, restarted: boolean, fresh: boolean): void {
    if (member.native !== undefined) {
      if (restarted && fresh) this.#kernel.spawn(this.#moveNative(member, endpoint));
      else this.#replication.pushAll();
      return;
    }
    this.#kernel.spawn(this.#movePython(member, endpoint));
  }

  *#moveNative(member: Member, endpoint: Address): Flow {
    try {
      yield* this.#greeting.greet(endpoint, member.nodeId);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return;
    }
    yield* this.#meetAt(member, endpoint);
  }

  *#movePython(member: Member, endpoint: Address): Flow {
    const old = member.endpoint;
    if (old !== undefined && (yield* this.#answersAt(member, old))) {
      this.#replication.pushAll();
      if (!isLiteral(old.address)) return;
      if (!(yield* this.#answersAt(member, endpoint))) return;
      this.#greeting.raiseDuplicate(
        member.nodeId,
        `it says HELLO from ${formatAddress(endpoint)} while it answers at ${formatAddress(old)}; one machine with two addresses looks the same`,
      );
      return;
    }
    try {
      yield* this.#greeting.greet(endpoint, member.nodeId);
      yield* this.#meetAt(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
    }
  }

  *#answersAt(member: Member, endpoint: Address): Flow<boolean> {
    try {
      yield* this.#ping(member, endpoint);
      return true;
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return false;
    }
  }

  /** A peer answered as to a stranger: it dropped us. Say HELLO, then report if it repeats. */
  forgotten(member: Member): void {
    this.#noteForgotten(member);
    this.visit(member);
  }

  #noteForgotten(member: Member): void {
    const nowMs = this.#kernel.now.monotonicMs;
    const lastMs = member.forgottenMs.at(-1);
    member.push.needsHello = true;
    if (lastMs !== undefined && nowMs - lastMs < this.#kernel.settings.tickMs / 2) return;
    member.forgottenMs = [...member.forgottenMs, nowMs]
      .filter((ms) => nowMs - ms < 300_000)
      .slice(-8);
    member.push.held = undefined;
    if (member.forgottenMs.length > 2) this.#raiseOneWay(member);
  }

  /**
   * Makes sure that a present member lists us, sends it our state and takes its own.
   *
   * One at a time for each member; asked for meanwhile, it is done once more if it must be.
   */
  visit(member: Member): void {
    const visit = this.#visits.get(member);
    if (visit !== undefined) {
      visit.again = true;
      return;
    }
    this.#visits.set(member, { again: false });
    this.#kernel.spawn(this.#visit(member));
  }

  *#visit(member: Member): Flow {
    try {
      yield* this.#greetAgain(member);
    } finally {
      const again = this.#visits.get(member)?.again === true;
      this.#visits.delete(member);
      if (again) this.#replication.pushAll();
    }
  }

  *#greetAgain(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined || !isPresent(member)) return;
    try {
      if (member.native === undefined && (yield* this.#askedPython(member, endpoint))) return;
      yield* this.#greeting.greet(endpoint, member.nodeId);
      yield* this.#replication.exchange(member, endpoint);
      if (member.seesUs === false) yield* this.listen(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      noteFailure(member, this.#kernel.now.monotonicMs);
      if (isRefusal(error)) {
        this.#alerts.raise(error, member.nodeId);
        this.#members.setStatus(member, "refused", error);
        this.pursue(member);
      }
    }
  }

  /**
   * Asks a Python peer for its list, which changes nothing there, and greets it only if it dropped
   * us: each HELLO to one that cannot call us back ends in a call of its disconnect callback.
   *
   * @returns true when no HELLO is due.
   */
  *#askedPython(member: Member, endpoint: Address): Flow<boolean> {
    const heard = yield* this.#peerLists.ask(member, endpoint);
    const nowMs = this.#kernel.now.monotonicMs;
    if (heard.kind === "list") {
      yield* this.#replication.exchange(member, endpoint);
      yield* this.#kernel.within(LISTEN_MS, this.#heard(member, heard));
      return true;
    }
    if (!isForgotten(heard.reply)) {
      noteFailure(member, nowMs);
      return true;
    }
    this.#noteForgotten(member);
    const { retryIdleMs } = this.#kernel.settings;
    if (this.#isShy(member) && nowMs - member.greetedAgainMs < retryIdleMs) return true;
    member.greetedAgainMs = nowMs;
    return false;
  }

  #raiseOneWay(member: Member): void {
    member.seesUs = false;
    const { nodeId, endpoint } = member;
    this.#alerts.raise(
      new DsnError(
        "DSN_ONE_WAY",
        `"${nodeId}" cannot call us back, so it drops us again and again`,
        {
          why: `we reach it, but it does not reach us at ${formatAddress(this.#self.advertised)}`,
          fix: [
            `open TCP ${this.#self.port} to that machine (firewall, container port)`,
            "set network_ip to an address that it can reach",
          ],
          nodeId,
          endpoint: endpoint === undefined ? undefined : formatAddress(endpoint),
        },
      ),
      nodeId,
    );
  }

  /** We were suspended: nobody is to blame, and everybody may have dropped us (D15). */
  greetEverybody(): void {
    for (const member of this.#members.all()) {
      if (isPresent(member)) {
        member.push.needsHello = true;
        this.visit(member);
      } else this.pursue(member);
    }
  }

  #pauses(): { next: (shy?: boolean) => number; reset: () => void } {
    const { retryMinMs, retryMaxMs, retryIdleMs } = this.#kernel.settings;
    let sinceMs = this.#kernel.now.monotonicMs;
    let pauseMs = retryMinMs;
    return {
      next: (shy = false) => {
        const long = shy || this.#kernel.now.monotonicMs - sinceMs > HOUR_MS;
        const current = long ? retryIdleMs : pauseMs;
        pauseMs = Math.min(pauseMs * GROWTH, retryMaxMs);
        return this.#kernel.jitter(current);
      },
      reset: () => {
        sinceMs = this.#kernel.now.monotonicMs;
        pauseMs = retryMaxMs;
      },
    };
  }
}

/** The peer is there and does not want us: trying harder does not help. */
function isRefusal(error: DsnError): boolean {
  switch (error.code) {
    case "DSN_KEY_REFUSED":
    case "DSN_KEY_UNEXPECTED":
    case "DSN_VERSION_MISMATCH":
    case "DSN_NOT_WHITELISTED":
    case "DSN_IDENTITY_REFUSED":
    case "DSN_PEER_IDENTITY_CHANGED":
      return true;
    default:
      return false;
  }
}

function isLiteral(address: string): boolean {
  return address.includes(":") || /^[0-9.]+$/.test(address);
}
