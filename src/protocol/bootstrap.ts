/**
 * Joining through the bootstrap nodes: all of them, again and again, whatever the order in which
 * nodes start (D16).
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, formatAddress, sameAddress } from "../wire/exchange.ts";
import { all, type Flow } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Meetings } from "./meetings.ts";
import type { Member } from "./member.ts";
import { createPauses } from "./pauses.ts";
import type { RememberedPeer } from "./peer-memory.ts";
import type { Remembered } from "./remembered.ts";
import { Turn, type Turns } from "./turns.ts";

/** Whoever starts waits no longer for peers of an earlier life, which may all be gone. */
const REMEMBERED_MS = 2_500;

export class Bootstrap {
  readonly #parts: JoiningParts;
  readonly #meetings: Meetings;
  readonly #remembered: Remembered;
  readonly #turns: Turns;
  /** Why each endpoint did not let us in at the last attempt. */
  readonly #troubles = new Map<string, DsnError>();
  /** Who answered at an endpoint: a name leads to a member that we call by its number. */
  readonly #answered = new Map<string, Member>();
  #count = 0;
  #joined = false;
  #firstRoundOver = false;
  /** Which reasons were told last: told again when they change, not each time they repeat. */
  #told = "";

  constructor(parts: JoiningParts, meetings: Meetings, remembered: Remembered, turns: Turns) {
    this.#parts = parts;
    this.#meetings = meetings;
    this.#remembered = remembered;
    this.#turns = turns;
  }

  /** @param remembered Peers of an earlier life, newest first: tried when all others have been. */
  start(bootstrap: readonly Address[], remembered: readonly RememberedPeer[]): void {
    this.#count = bootstrap.length;
    this.#parts.kernel.spawn(this.#firstRound(bootstrap, remembered));
  }

  *#firstRound(bootstrap: readonly Address[], remembered: readonly RememberedPeer[]): Flow {
    const ends = yield* all(bootstrap.map((endpoint) => this.#joinThrough(endpoint)));
    // Those that the bootstrap nodes know are met by now; others may be on an island of their own.
    if (this.#joined) this.#parts.kernel.spawn(this.#remembered.seek(remembered));
    else yield* this.#parts.kernel.within(REMEMBERED_MS, this.#remembered.seek(remembered));
    this.#parts.kernel.event({ name: "first-round" });
    this.#firstRoundOver = true;
    this.#raiseNoBootstrap();
    for (const [index, endpoint] of bootstrap.entries()) {
      if (ends[index] !== "ourselves") this.#parts.kernel.spawn(this.#keepTrying(endpoint));
    }
  }

  /** Goes on for ever: a bootstrap node may come back under another identity. */
  *#keepTrying(endpoint: Address): Flow {
    const pause = createPauses(this.#parts.kernel);
    for (;;) {
      yield* this.#parts.kernel.sleep(pause.next());
      if (this.#knownAt(endpoint)) {
        pause.reset();
        continue;
      }
      const done = yield* this.#tryAgain(endpoint);
      if (done === "ourselves") return;
      if (done === "joined") pause.reset();
    }
  }

  /** The first attempts are all at once; these share their room with all that seek somebody. */
  *#tryAgain(endpoint: Address): Flow<"joined" | "failed" | "ourselves"> {
    const turn = new Turn(true);
    yield* this.#turns.take(turn);
    try {
      // Others may have brought it meanwhile.
      return this.#knownAt(endpoint) ? "joined" : yield* this.#joinThrough(endpoint);
    } finally {
      turn.end();
    }
  }

  #knownAt(endpoint: Address): boolean {
    const answered = this.#answered.get(formatAddress(endpoint));
    return this.#parts.members
      .present()
      .some((member) => member === answered || sameAddress(member.endpoint, endpoint));
  }

  *#joinThrough(endpoint: Address): Flow<"joined" | "failed" | "ourselves"> {
    try {
      const greeted = yield* this.#parts.greeting.greet(endpoint);
      this.#meetings.settleEndpoint(greeted, endpoint);
      yield* this.#meetings.meet(greeted.member);
      this.#troubles.delete(formatAddress(endpoint));
      this.#answered.set(formatAddress(endpoint), greeted.member);
      this.noteJoined(endpoint);
      return "joined";
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      if (error.code === "DSN_SELF") {
        this.#count -= 1;
        return "ourselves";
      }
      this.#troubles.set(formatAddress(endpoint), error);
      if (this.#firstRoundOver) this.#raiseNoBootstrap();
      return "failed";
    }
  }

  /** Somebody let us in there. */
  noteJoined(through: Address): void {
    this.#parts.alerts.clear("", "DSN_NO_BOOTSTRAP");
    if (this.#joined) return;
    this.#joined = true;
    this.#parts.kernel.event({ name: "joined", through });
  }

  #raiseNoBootstrap(): void {
    if (this.#count === 0 || this.#joined || this.#parts.members.present().length > 0) return;
    const causes = [...this.#troubles.values()];
    const reasons = causes.map(({ endpoint, code }) => `${endpoint} ${code}`).join();
    if (reasons === this.#told) return;
    this.#told = reasons;
    this.#parts.alerts.clear("", "DSN_NO_BOOTSTRAP");
    this.#parts.alerts.raise(
      new DsnError(
        "DSN_NO_BOOTSTRAP",
        `Not joined yet: none of ${this.#count} bootstrap nodes let us in`,
        {
          why: causes.map(({ message, why, code }) => `${message}: ${why} (${code})`).join("; "),
          fix: ["start one of them; this node keeps trying", ...(causes[0]?.fix ?? [])],
          cause: causes[0],
          causes,
        },
      ),
      "",
    );
  }
}
