/** What this node says of itself: its HELLO, signed, with the block that native peers read. */
import { toHex } from "../bytes/hex.ts";
import type { Address } from "../wire/exchange.ts";
import { encodeHello, type Hello, helloSignedPart } from "../wire/hello.ts";
import {
  blockSignedPart,
  encodeBlockBody,
  encodeHelloBlock,
  markNative,
} from "../wire/hello-block.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { above } from "./own-state.ts";
import * as refusals from "./refusal.ts";

/** Versions of the native protocol that this node speaks. */
export const NATIVE_VERSIONS = { min: 1, max: 1 } as const;

export interface SelfOptions {
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** The port that peers call. */
  readonly port: number;
  /** Other addresses of this machine, for peers that the first one does not serve. */
  readonly candidates: readonly string[];
  /** The address set by the operator; it wins over what peers observe. */
  readonly networkIp: string | undefined;
  /** What native peers may use with this node, such as `udp`. */
  readonly features: readonly string[];
}

export class Self {
  readonly nodeId: string;
  readonly publicKey: Uint8Array;
  readonly port: number;
  /** Random per process, as hex. */
  readonly incarnation: string;
  /** When this process began; earlier ones issued no HELLO later, unless the clock was set back. */
  #startedSeconds = Number.POSITIVE_INFINITY;
  readonly #kernel: Kernel;
  readonly #incarnationBytes: Uint8Array;
  readonly #candidates: readonly string[];
  readonly #features: readonly string[];
  readonly #networkIp: string | undefined;
  #observed: string | undefined;
  #issued: number;
  #hasLeft = false;
  #signed: { readonly address: string; readonly hello: Hello } | undefined;

  constructor(kernel: Kernel, options: SelfOptions, floor: number) {
    this.#kernel = kernel;
    this.nodeId = options.nodeId;
    this.publicKey = options.publicKey;
    this.port = options.port;
    this.#candidates = options.candidates;
    this.#features = options.features;
    this.#networkIp = options.networkIp;
    this.#incarnationBytes = kernel.entropy(16);
    this.incarnation = toHex(this.#incarnationBytes);
    this.#issued = floor;
  }

  /** Where peers should call us, as far as we know; the empty string for not at all. */
  get advertised(): Address {
    const address = this.#networkIp ?? this.#observed ?? this.#candidates[0] ?? "";
    return { address, port: this.port };
  }

  /** What native peers may use with us. */
  get features(): readonly string[] {
    return this.#features;
  }

  /** The address that a peer saw us call from. Source: the reference's detected_address. */
  get observed(): string | undefined {
    return this.#observed;
  }

  /** When this process began, Unix seconds. */
  get startedSeconds(): number {
    return this.#startedSeconds;
  }

  start(): void {
    this.#startedSeconds = Math.max(this.#kernel.now.unixSeconds, this.#issued);
  }

  /** The time of what we say now: later than that of all that we have said, Unix seconds. */
  issue(): number {
    this.#issued = Math.max(this.#kernel.now.unixSeconds, above(this.#issued));
    return this.#issued;
  }

  /** The time of our goodbye: the last of all that we say. */
  leave(): number {
    this.#hasLeft = true;
    return this.issue();
  }

  observe(address: string): void {
    this.#observed = address;
  }

  /**
   * A HELLO of ours with its block.
   *
   * After our goodbye there is none: it would be newer, and the goodbye count for nothing.
   *
   * @param answered The nonce of the HELLO that this one answers.
   * @param detectedAddress Where the asker called from; only in answers, and not signed.
   * @throws {Refusal} in place of an answer. What was to ask waits for the end of the process.
   */
  *hello(
    role: "request" | "answer",
    answered: Uint8Array | undefined,
    detectedAddress: string,
  ): Flow<{ readonly payload: Uint8Array; readonly nonce: Uint8Array }> {
    const hello = yield* this.#signedHello();
    if (this.#hasLeft && role === "answer") throw refusals.leaving();
    if (this.#hasLeft) yield* wait<void>(() => undefined);
    const nonce = this.#kernel.entropy(16);
    const body = encodeBlockBody({
      nonce,
      answered,
      incarnation: this.#incarnationBytes,
      issued: this.issue(),
      versionMin: NATIVE_VERSIONS.min,
      versionMax: NATIVE_VERSIONS.max,
      features: this.#features,
      addresses: this.#candidates.slice(0, 8).map((address) => ({ address, port: this.port })),
    });
    const signature = yield* this.#kernel.sign(
      "native",
      blockSignedPart(role, encodeHello(hello), body),
    );
    const head = encodeHello({ ...hello, detectedAddress });
    const block = encodeHelloBlock(body, signature);
    const payload = new Uint8Array(head.length + block.length);
    payload.set(head);
    payload.set(block, head.length);
    return { payload, nonce };
  }

  /** Signed once per address: only the block differs from HELLO to HELLO. */
  *#signedHello(): Flow<Hello> {
    const { address } = this.advertised;
    const kept = this.#signed;
    if (kept?.address === address) return kept.hello;
    const unsigned = {
      version: PROTOCOL_VERSION,
      nodeId: this.nodeId,
      address: markNative(address),
      port: this.port,
      publicKey: this.publicKey,
      signature: new Uint8Array(),
      detectedAddress: "",
    };
    const signature = yield* this.#kernel.sign("python", helloSignedPart(unsigned));
    const hello = { ...unsigned, signature };
    this.#signed = { address, hello };
    return hello;
  }
}
