/** What simulated hosts send: how many messages of which kind, and how many bytes. */

/** Messages and their bytes. */
export interface TrafficCount {
  /** Frames, datagrams or HTTP messages. */
  count: number;
  /** Their bytes as they leave the process, sealed; without the headers of TCP, UDP and IP. */
  bytes: number;
}

/** Counts what each host sends, by kind: `frame STATES`, `datagram PING`, `HTTP HELLO`. */
export class Traffic {
  readonly #hosts = new Map<string, Map<string, TrafficCount>>();

  /** A host sends something. */
  note(host: string, kind: string, bytes: number): void {
    let kinds = this.#hosts.get(host);
    if (kinds === undefined) {
      kinds = new Map();
      this.#hosts.set(host, kinds);
    }
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { count: 1, bytes });
    else {
      known.count += 1;
      known.bytes += bytes;
    }
  }

  /** What a host has sent so far, by kind. */
  of(host: string): ReadonlyMap<string, Readonly<TrafficCount>> {
    return this.#hosts.get(host) ?? new Map();
  }

  /** What all hosts have sent so far, by kind: a copy. */
  byKind(): Map<string, TrafficCount> {
    const all = new Map<string, TrafficCount>();
    for (const kinds of this.#hosts.values()) {
      for (const [kind, { count, bytes }] of kinds) {
        const sum = all.get(kind) ?? { count: 0, bytes: 0 };
        all.set(kind, { count: sum.count + count, bytes: sum.bytes + bytes });
      }
    }
    return all;
  }

  /** What each host has sent so far, all kinds together: a copy. */
  byHost(): Map<string, TrafficCount> {
    const all = new Map<string, TrafficCount>();
    for (const [host, kinds] of this.#hosts) {
      const sum = { count: 0, bytes: 0 };
      for (const { count, bytes } of kinds.values()) {
        sum.count += count;
        sum.bytes += bytes;
      }
      all.set(host, sum);
    }
    return all;
  }
}
