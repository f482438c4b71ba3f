/**
 * One request that came in on a session and is being handled.
 * @module
 */
import type { AnyType } from "../wire/native-type.ts";
import type { Outcome } from "./carrier.ts";
import { Deadline } from "./session-deadlines.ts";

const TOO_LATE: Outcome = { kind: "refusal", status: 500, text: "", authenticated: true };

export class SessionInbound extends Deadline {
  readonly id: number;
  readonly type: AnyType;
  readonly #onOutcome: (inbound: SessionInbound, outcome: Outcome) => void;
  #done = false;

  constructor(
    id: number,
    type: AnyType,
    onOutcome: (inbound: SessionInbound, outcome: Outcome) => void,
  ) {
    super();
    this.id = id;
    this.type = type;
    this.#onOutcome = onOutcome;
  }

  get done(): boolean {
    return this.#done;
  }

  /** For the handler: counts once. */
  readonly respond = (outcome: Outcome): void => {
    if (this.#done) return;
    this.#done = true;
    this.#onOutcome(this, outcome);
  };

  /** Nobody waits for the answer any more. */
  cancel(): void {
    this.#done = true;
  }

  onDue(): void {
    this.respond(TOO_LATE);
  }
}
