import { describe, expect, it } from "vitest";
import { disagreements } from "../../../src/testing/convergence.ts";

const all = (...args: Parameters<typeof disagreements<ReturnType<typeof reader>>>) => [
  ...disagreements(...args),
];

/** A node that lists and reads what it is given. */
function reader(name: string, states: Record<string, string>) {
  return {
    name,
    nodeId: name,
    present: () => Object.keys(states).filter((nodeId) => nodeId !== name),
    read: (nodeId: string) => {
      const value = states[nodeId];
      return value === undefined ? undefined : new Map([["k", value]]);
    },
  };
}

const ALL = { a: "1", b: "2", c: "3" };

describe("Nodes", () => {
  it("agree when each lists and reads all others", () => {
    expect(all([reader("a", ALL), reader("b", ALL), reader("c", ALL)], [])).toEqual([]);
  });

  it("do not when one lacks another, lists one too many, or reads something else", () => {
    const nodes = [
      reader("a", { a: "1", c: "3" }),
      reader("b", { ...ALL, ghost: "?" }),
      reader("c", { ...ALL, a: "old" }),
    ];
    expect(all(nodes, [])).toEqual([
      "a lists [c]",
      'a reads nothing of b, not [["k","2"]]',
      "b lists [a,c,ghost]",
      'c reads [["k","old"]] of a, not [["k","1"]]',
    ]);
  });

  it("need not agree with a liar, nor see each other where a name was taken", () => {
    const nodes = [
      reader("a", { a: "1", c: "3", liar: "?" }),
      reader("b", { ...ALL, a: "of another", dead: "of another" }),
      reader("c", ALL),
    ];
    const isTaken = (at: { name: string }, nodeId: string) =>
      at.name === "b" && ["a", "dead"].includes(nodeId);
    expect(all(nodes, ["liar"], isTaken)).toEqual([]);
    expect(all(nodes, ["liar"])).toHaveLength(4);
  });
});
