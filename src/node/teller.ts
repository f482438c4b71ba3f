/**
 * Tells the application what the core told: in order, after a step, never inside one.
 *
 * What a listener throws becomes a warning; a warning that nobody listens for is printed.
 * @module
 */
import { debuglog, inspect } from "node:util";
import { DsnError } from "../errors.ts";
import type { CoreEvent, Instant } from "../protocol/index.ts";
import { Emitter } from "./emitter.ts";
import { Endpoint } from "./endpoint.ts";
import { type DataMessage, type DSNodeEvents, toStateChange } from "./events.ts";
import { toPeerInfo } from "./peer-info.ts";

const debug = debuglog("dsn");

/** Its reactions cost less than `queueMicrotask()`, which makes a resource of each. */
const RESOLVED = Promise.resolve();

export class Teller {
  readonly events: Emitter<DSNodeEvents>;
  readonly #now: () => Instant;
  readonly #onFirstRound: () => void;
  readonly #onceSent: (then: () => void) => void;
  readonly #told: CoreEvent[] = [];
  #telling = false;
  /** What waits for the news before it to be told. */
  readonly #afterwards: { readonly act: () => void; readonly count: number }[] = [];
  #queuedCount = 0;
  #toldCount = 0;
  /** Events up to the last that is no message. */
  #newsCount = 0;
  /** Events before which all answers are with the system. */
  #answeredCount = 0;

  /**
   * @param onFirstRound The one event that is for the node, not for the application.
   * @param onceSent Calls back when the answers that were given are with the system. A connection
   *   that is still writing takes no more in this turn of the event loop, so the next one it is.
   */
  constructor(
    now: () => Instant,
    onFirstRound: () => void,
    onceSent: (then: () => void) => void = setImmediate,
  ) {
    this.#now = now;
    this.#onFirstRound = onFirstRound;
    this.#onceSent = onceSent;
    this.events = new Emitter((event, error) => this.#callbackFailed(event, error));
  }

  add(event: CoreEvent): void {
    this.#told.push(event);
    this.#queuedCount += 1;
    if (event.name !== "data") this.#newsCount = this.#queuedCount;
  }

  /**
   * Does something once all news that was added before has been told; at once if nothing was. A
   * message is no news: its callback may block (D17).
   */
  after(act: () => void): void {
    if (this.#newsCount <= this.#toldCount) act();
    else this.#afterwards.push({ act, count: this.#newsCount });
  }

  /** Tells what was added, when the code that runs now has ended. */
  tellSoon(): void {
    if (this.#telling || this.#told.length === 0) return;
    this.#telling = true;
    void RESOLVED.then(this.#tellAll);
  }

  readonly #tellAll = (): void => {
    this.#telling = false;
    for (let event = this.#told[0]; event !== undefined; event = this.#told[0]) {
      // What came before a message is answered before its callback.
      if (event.name === "data" && !this.#isAnswered()) {
        this.#answeredCount = this.#queuedCount;
        this.#telling = true;
        this.#onceSent(this.#tellAll);
        return;
      }
      this.#told.shift();
      this.#toldCount += 1;
      this.#tell(event);
    }
    this.#actOnTold();
  };

  #isAnswered(): boolean {
    return !this.#actOnTold() && this.#toldCount < this.#answeredCount;
  }

  /** Does what waited for news that have been told. @returns whether there was any. */
  #actOnTold(): boolean {
    const due = this.#afterwards.filter(({ count }) => count <= this.#toldCount);
    this.#afterwards.splice(0, due.length);
    for (const { act } of due) act();
    return due.length > 0;
  }

  /**
   * Tells, inside a listener, whether its event came after now: what has happened already can be
   * read already, and is told a moment later.
   */
  eventsFromNow(): () => boolean {
    const already = this.#queuedCount;
    return () => this.#toldCount > already;
  }

  /** @param resolved It ends a condition told before. */
  warn(error: DsnError, resolved: boolean): void {
    debug("%s%s: %s", resolved ? "over: " : "", error.code, error.message);
    if (this.events.hasListeners("warning")) {
      this.events.emit("warning", { error, resolved });
    } else if (!resolved) {
      // Nobody listens: say it where a person will see it.
      const detail = [error.why, ...error.fix].filter((part) => part !== undefined).join("; ");
      process.emitWarning(error.message, { type: "DsnWarning", code: error.code, detail });
    }
  }

  #tell(event: CoreEvent): void {
    switch (event.name) {
      case "first-round":
        this.#onFirstRound();
        break;
      case "joined": {
        const { address, port } = event.through;
        this.events.emit("joined", { through: new Endpoint(address, port) });
        break;
      }
      case "peer:join":
        this.events.emit("peer:join", {
          ...toPeerInfo(event.member, this.#now()),
          rejoined: event.rejoined,
        });
        break;
      case "peer:leave":
        this.events.emit("peer:leave", toPeerInfo(event.member, this.#now()));
        break;
      case "peer:status":
        this.events.emit("peer:status", {
          ...toPeerInfo(event.member, this.#now()),
          before: event.before,
        });
        break;
      case "state:update": {
        const { owner, change, version, local } = event;
        const name = local ? "state:local" : "state:update";
        if (!this.events.hasListeners(name)) break;
        this.events.emit(name, toStateChange(owner, change, version, local));
        break;
      }
      case "isolated":
        this.events.emit("isolated", { reason: event.reason });
        break;
      case "connected":
        this.events.emit("connected", { isolatedMs: event.isolatedMs });
        break;
      case "data":
        this.events.emit("data", { from: event.from, data: event.data }, copyOfMessage);
        break;
      case "warning":
        this.warn(event.error, event.resolved);
        break;
    }
  }

  #callbackFailed(event: string, error: unknown): void {
    const problem = new DsnError("DSN_CALLBACK_FAILED", `A callback for "${event}" failed`, {
      why: textOf(error),
      fix: ["catch the error inside the callback"],
      cause: error,
    });
    // A failing listener of warnings has nobody left to tell but the process.
    if (event === "warning") process.emitWarning(problem);
    else this.warn(problem, false);
  }
}

function copyOfMessage({ from, data }: DataMessage): DataMessage {
  // Not slice(): that of a Buffer copies nothing.
  return { from, data: new Uint8Array(data) };
}

/** Anything can be thrown, also what has no text: an object without a prototype, for example. */
function textOf(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.message);
    return typeof error === "string" ? error : inspect(error);
  } catch {
    return "what it threw cannot be shown";
  }
}
