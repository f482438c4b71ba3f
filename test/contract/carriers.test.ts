import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { openThreads } from "../helpers/threads.ts";
import { describeCarrier } from "./carrier.ts";
import type { Faults } from "./lossy-udp-proxy.ts";
import { createSessionCarrier } from "./session-nodes.ts";
import { createUdpAndHttp, UdpUse } from "./udp-and-http.ts";

const sealed = (fill: number) => () =>
  createHttpCarrier({ seal: createAesCbcSeal(new Uint8Array(16).fill(fill)) });

const plainNetwork = new MemoryNetwork();
describeCarrier("memory", {
  create: () => plainNetwork.createCarrier("10.0.0.1"),
  host: "10.0.0.1",
  sealed: false,
});

const sealedNetwork = new MemoryNetwork({ sealed: true });
describeCarrier("memory, sealed", {
  create: () => sealedNetwork.createCarrier("10.0.0.1"),
  createStranger: () => sealedNetwork.createCarrier("10.0.0.1", { networkKey: "another" }),
  host: "10.0.0.1",
  sealed: true,
});

const slowNetwork = new MemoryNetwork({ delayMs: [0, 5] });
describeCarrier("memory, with delays", {
  create: () => slowNetwork.createCarrier("10.0.0.1"),
  host: "10.0.0.1",
  sealed: false,
});

describeCarrier("http, plain", {
  create: () => createHttpCarrier({ seal: createPlainSeal() }),
  host: "127.0.0.1",
  sealed: false,
});

describeCarrier("http, sealed", {
  create: sealed(1),
  createStranger: sealed(2),
  host: "127.0.0.1",
  sealed: true,
});

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
if (hasIpv6) {
  describeCarrier("http, sealed, over IPv6", {
    create: sealed(1),
    createStranger: sealed(2),
    host: "::1",
    sealed: true,
  });
}

function describeUdpAndHttp(
  name: string,
  { host = "127.0.0.1", sealed = true, faults, thread = false }: UdpRow,
  check: (use: UdpUse) => void,
): void {
  const use = new UdpUse();
  const create = (networkKey: Uint8Array | undefined) => () => {
    const open = thread ? openThreads(networkKey) : undefined;
    return createUdpAndHttp({ host, networkKey, faults, open }, use);
  };
  const [ours, others] = [1, 2].map((fill) => new Uint8Array(16).fill(fill));
  describeCarrier(name, {
    create: create(sealed ? ours : undefined),
    ...(sealed ? { createStranger: create(others) } : {}),
    host,
    sealed,
  });
  describe(`Carrier ${name}`, () => {
    it("did so by datagram", () => check(use));
  });
}

interface UdpRow {
  readonly host?: string;
  readonly sealed?: boolean;
  readonly faults?: Faults;
  /** A worker thread has the socket. */
  readonly thread?: boolean;
}

function expectDatagrams(use: UdpUse): void {
  expect(use.answered).toBeGreaterThan(60);
  expect(use.silent).toBeLessThan(10);
}

describeUdpAndHttp("udp+http, sealed", {}, expectDatagrams);
describeUdpAndHttp("udp+http, plain", { sealed: false }, expectDatagrams);
if (hasIpv6) describeUdpAndHttp("udp+http, over IPv6", { host: "::1" }, expectDatagrams);

describeUdpAndHttp("udp+http, in a worker thread", { thread: true }, expectDatagrams);
describeUdpAndHttp(
  "udp+http, in a worker thread, plain",
  { thread: true, sealed: false },
  expectDatagrams,
);
if (hasIpv6) {
  const row = { host: "::1", thread: true };
  describeUdpAndHttp("udp+http, in a worker thread, over IPv6", row, expectDatagrams);
}

const lossy = { dropped: 3, doubled: 2, delayMsMax: 3 };
describeUdpAndHttp("udp+http, with loss", { faults: lossy }, (use) => {
  expect(use.answered).toBeGreaterThan(60);
  // Each way loses three of ten, so half of all tries fail.
  expect(use.dropped).toBeGreaterThan(100);
  expect(use.doubled).toBeGreaterThan(50);
  expect(use.silent).toBeLessThan(use.asked / 20);
});

const blocked = { dropped: 10, doubled: 0, delayMsMax: 0 };
describeUdpAndHttp("udp+http, with UDP blocked", { faults: blocked }, (use) => {
  expect(use.asked).toBe(0);
  expect(use.dropped).toBeGreaterThan(10);
});

function describeSession(name: string, host: string, networkKey: Uint8Array | undefined): void {
  describeCarrier(name, {
    create: () => createSessionCarrier(networkKey),
    ...(networkKey === undefined ? {} : { createStranger: () => createSessionCarrier(OTHER_KEY) }),
    host,
    sealed: false,
  });
}

const OUR_KEY = new Uint8Array(16).fill(1);
const OTHER_KEY = new Uint8Array(16).fill(2);
describeSession("session, with a network key", "127.0.0.1", OUR_KEY);
describeSession("session, without", "127.0.0.1", undefined);
if (hasIpv6) describeSession("session, over IPv6", "::1", OUR_KEY);
