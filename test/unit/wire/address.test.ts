import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isHostAddress, isPort } from "../../../src/wire/address.ts";
import { codePoint } from "../../helpers/code-point.ts";

describe("isHostAddress", () => {
  it.each([
    "127.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fe80::1%en0.100",
    "fe80::1%veth_a",
    "2001:db8::ff00:42:8329",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::ffff:10.0.0.1",
    "1:2:3:4:5:6:1.2.3.4",
    "h",
    "localhost",
    "host.example",
    "my_service",
    "3com.example",
    "xn--bcher-kva.example",
    "a".repeat(63),
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
  ])("takes %j", (address) => {
    expect(isHostAddress(address)).toBe(true);
  });

  it.each([
    "",
    " ",
    ".",
    "a..b",
    "host.",
    ".host",
    "-a",
    "a-",
    "a.-b",
    "a b",
    "a\n",
    "127.0.0.1\n",
    "[::1]",
    "host:80",
    "user@host",
    "host/path",
    "host?query",
    "host#part",
    "host%41",
    "hé",
    "/internal/admin?delete=all&rest=",
    "127.0.0.1 dsn/1",
    "256.0.0.1",
    "01.2.3.4",
    "1.2.3",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0x7f000001",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    ":::",
    ":1",
    "1:",
    "12345::",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1%",
    "::1%eth0%1",
    "::1%a/b",
    "::1%a b",
    "a".repeat(64),
    `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(62)}`,
  ])("refuses %j (D26)", (address) => {
    expect(isHostAddress(address)).toBe(false);
  });

  it("knows the IP addresses that node:net knows, whatever is written with their characters", () => {
    const soup = fc.string({ unit: fc.constantFrom(..."0125af::..%"), maxLength: 24 });
    const group = fc.constantFrom("", "0", "1f", "ffff", "10000", "g", "1.2.3.4", "1.2.3");
    const groups = fc.array(group, { minLength: 1, maxLength: 10 }).map((parts) => parts.join(":"));
    const real = fc.oneof(fc.ipV4(), fc.ipV6());
    const bent = fc
      .tuple(real, fc.nat(40), fc.constantFrom("", ":", ".", "0", "::", "f", "%a"))
      .map(([text, at, extra]) => text.slice(0, at) + extra + text.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(soup, groups, real, bent), (text) => {
        const numeric = text.includes(":") || /^[\d.]*$/.test(text);
        // Node allows a colon in a zone id; no interface has one.
        fc.pre(numeric && !/%.*:/.test(text));
        expect(isHostAddress(text)).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3000 },
    );
  });

  it("never takes a character that means something in a URL, but in an IPv6 address", () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.string({ unit: codePoint }), (url, text) => {
        expect(isHostAddress(url)).toBe(false);
        if (isHostAddress(text)) expect(text).toMatch(/^[\w.-]+$|^[0-9a-f:.]+(%[\w.-]+)?$/i);
      }),
    );
  });
});

describe("isPort", () => {
  it("takes whole numbers, 1 to 65535", () => {
    expect([1, 80, 65_535].every(isPort)).toBe(true);
    expect([0, -1, 65_536, 1.5, Number.NaN, 4_294_967_295].some(isPort)).toBe(false);
  });
});
