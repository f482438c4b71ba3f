/**
 * The sending half of a session: lanes, and a connection that takes one write at a time.
 *
 * All that is to be sent in one turn of the event loop goes out in one write at its end. While
 * the connection has not taken a write, what comes waits in its lane, where liveness overtakes.
 * @module
 */
import type { TLSSocket } from "node:tls";
import { type Lanes, WRITE_BYTES_MAX } from "./session-lanes.ts";
import type { Outgoing } from "./session-outgoing.ts";
import { WriteBuffers } from "./session-write-buffers.ts";

/** How long what can wait waits for company, in milliseconds. */
const PATIENCE_MS = 5;
/** As many as this need no further company. */
const PATIENT_MAX = 16;

/** The links of one carrier that have something to send at the end of this turn, or soon. */
export class SendingTurn {
  readonly buffers = new WriteBuffers(WRITE_BYTES_MAX);
  #links: SessionLink[] = [];
  readonly #patient = new Set<SessionLink>();

  add(link: SessionLink): void {
    // Before promises go on, and so before an application is told what it is being answered for.
    if (this.#links.push(link) === 1) process.nextTick(this.#flush);
  }

  /** Has it sent within some milliseconds, if nothing else does before. */
  addPatient(link: SessionLink): void {
    if (this.#patient.size === 0) setTimeout(this.#flushPatient, PATIENCE_MS);
    this.#patient.add(link);
  }

  readonly #flush = (): void => {
    const links = this.#links;
    this.#links = [];
    for (const link of links) link.flush();
  };

  readonly #flushPatient = (): void => {
    const links = [...this.#patient];
    this.#patient.clear();
    for (const link of links) link.flush();
  };
}

export class SessionLink {
  readonly lanes: Lanes;
  readonly #socket: TLSSocket;
  readonly #turn: SendingTurn;
  #writing: Uint8Array | undefined;
  #waking = false;
  /** Frames that wait for company. */
  #patient = 0;
  #closing = false;

  constructor(socket: TLSSocket, lanes: Lanes, turn: SendingTurn) {
    this.#socket = socket;
    this.lanes = lanes;
    this.#turn = turn;
  }

  /** All is with the system. */
  get idle(): boolean {
    return this.#writing === undefined && this.lanes.empty;
  }

  /** @returns false, and sends nothing, when too much waits already. */
  send(frame: Outgoing): boolean {
    if (!this.lanes.push(frame)) return false;
    this.wake();
    return true;
  }

  /** The same for what nobody waits for: it goes out with what follows, or a moment later. */
  sendPatiently(frame: Outgoing): boolean {
    if (!this.lanes.push(frame)) return false;
    this.#patient += 1;
    if (this.#patient >= PATIENT_MAX) this.wake();
    else if (this.#patient === 1) this.#turn.addPatient(this);
    return true;
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#waking || this.#writing !== undefined || this.#closing) return;
    this.#waking = true;
    this.#turn.add(this);
  }

  flush(): void {
    this.#waking = false;
    if (this.#closing || this.#writing !== undefined || !this.lanes.ready) return;
    this.#patient = 0;
    const filled = this.lanes.fill(this.#turn.buffers);
    this.#writing = filled;
    this.#socket.write(filled, this.#onWritten);
  }

  /** Sends what is ready, then closes. Nothing is sent afterwards. */
  end(): void {
    if (this.#closing) return;
    while (this.lanes.ready) this.#socket.write(this.lanes.fill(OWN_BUFFERS));
    this.#closing = true;
    this.#socket.destroySoon();
  }

  /** Closes at once. */
  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  readonly #onWritten = (error?: Error | null): void => {
    // The socket tells the session.
    if (error) this.#closing = true;
    const written = this.#writing;
    this.#writing = undefined;
    if (written !== undefined) this.#turn.buffers.give(written);
    if (this.#closing) return;
    if (this.lanes.ready) this.flush();
  };
}

/** For last words, which may be several writes. */
const OWN_BUFFERS = { take: (bytes: number) => Buffer.allocUnsafeSlow(bytes) };
