import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

/** Each folder of src/, and what it may import. ARCHITECTURE.md has the same table. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  bytes: ["errors.ts"],
  wire: ["bytes", "errors.ts"],
  crypto: ["errors.ts"],
  protocol: ["wire", "crypto", "bytes", "errors.ts"],
  transport: ["wire", "crypto", "errors.ts"],
  storage: ["crypto", "errors.ts"],
  node: ["protocol", "transport", "storage", "wire", "crypto", "errors.ts"],
  testing: ["node", "protocol", "transport", "storage", "wire", "crypto", "bytes", "errors.ts"],
  cli: ["node", "errors.ts"],
};

/** What a pure folder may ask of the platform: hashing. One file loads a native addon. */
const PURE = ["bytes", "wire", "crypto", "protocol"];
const ALLOWED_MODULES: Readonly<Record<string, readonly string[]>> = {
  "crypto/libsecp256k1-engine.ts": ["node:crypto", "node:module"],
};

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({
    path,
    folder: path.split("/")[0] ?? "",
    text: readFileSync(`src/${path}`, "utf8"),
  }));

function imports(text: string): string[] {
  return [...text.matchAll(/(?:from|import\() ?"([^"]+)"/g)].flatMap(([, target]) => target ?? []);
}

describe("The layers", () => {
  it("cover every folder of src/", () => {
    const folders = new Set(
      files.filter(({ path }) => path.includes("/")).map(({ folder }) => folder),
    );
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });

  it("import downwards only", () => {
    const upward = files
      .filter(({ path }) => path.includes("/"))
      .flatMap(({ path, folder, text }) =>
        imports(text)
          .filter((target) => target.startsWith("."))
          .map((target) => posix.join(posix.dirname(path), target))
          .map((target) => target.split("/")[0] ?? "")
          .filter((target) => target !== folder && !MAY_IMPORT[folder]?.includes(target))
          .map((target) => `src/${path} imports ${target}`),
      );
    expect(upward).toEqual([]);
  });

  it("have no circular imports between files", () => {
    const targets = new Map(
      files.map(({ path, text }) => [
        path,
        // Types vanish when compiled: only imports that run can be circular.
        imports(text.replace(/(?:import|export) type [^;]*;/g, ""))
          .filter((target) => target.startsWith("."))
          .map((target) => posix.join(posix.dirname(path), target)),
      ]),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      if (done.has(path)) return;
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of files) visit(path, []);
    expect(circles).toEqual([]);
  });
});

describe("The core", () => {
  it("has no clock, chance, timers or I/O of its own", () => {
    const outside =
      /Date\.now|new Date\(\)|performance\.|Math\.random\(|setTimeout|setInterval|setImmediate|queueMicrotask|process\./;
    const impure = files
      .filter(({ folder }) => PURE.includes(folder))
      .filter(({ text }) => outside.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")))
      .map(({ path }) => path);
    expect(impure).toEqual([]);
  });

  it("asks the platform for nothing but hashing", () => {
    const asked = files
      .filter(({ folder }) => PURE.includes(folder))
      .flatMap(({ path, text }) =>
        imports(text)
          .filter((target) => target.startsWith("node:"))
          .filter((target) => !(ALLOWED_MODULES[path] ?? ["node:crypto"]).includes(target))
          .map((target) => `src/${path} imports ${target}`),
      );
    expect(asked).toEqual([]);
  });
});
