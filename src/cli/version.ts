/**
 * `dsn version`.
 * @module
 */
import { readFileSync } from "node:fs";
import type { Output } from "./output.ts";

/** The wire protocol. A test holds it to what the wire says. */
export const PROTOCOL = "0.9.0";

/** Of this package; the file is two levels up from `src/cli` and from `dist/cli` alike. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

export function versionLine(): string {
  return `dsn ${packageVersion()} (protocol ${PROTOCOL})`;
}

export function showVersion(output: Output): void {
  if (output.json) {
    output.answerJson({
      schema: "dsn.version/1",
      version: packageVersion(),
      protocol: PROTOCOL,
      node: process.versions.node,
    });
  } else {
    output.answer(versionLine());
  }
}
