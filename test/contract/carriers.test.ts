import { networkInterfaces } from "node:os";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { describeCarrier } from "./carrier.ts";

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
