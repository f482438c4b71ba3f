import { ValueTypeError } from "../errors.ts";

/** Checks one entry before anything is changed. @throws {ValueTypeError} naming key and type. */
export function checkEntry(key: unknown, value: unknown): void {
  if (typeof key !== "string") {
    throw new ValueTypeError(`Cannot write the key ${describe(key)}: keys are strings`);
  }
  if (typeof value !== "string") {
    throw new ValueTypeError(
      `Cannot write ${describe(value)} to "${key.slice(0, 64)}": values are strings. ` +
        "Use String(value) or JSON.stringify(value)",
    );
  }
  if (!key.isWellFormed()) throw halfPair(key, "key");
  if (!value.isWellFormed()) throw halfPair(key, "value");
}

function halfPair(key: string, where: string): ValueTypeError {
  return new ValueTypeError(
    `Cannot write "${key.slice(0, 64).toWellFormed()}": half of a surrogate pair in its ${where}. ` +
      "Such text has no UTF-8 form: do not cut strings within a character, or use toWellFormed()",
  );
}

export function toBytes(data: unknown): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  // A Buffer would be passed on as one, and its slice() copies nothing.
  if (Buffer.isBuffer(data)) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (data instanceof Uint8Array) return data;
  throw new ValueTypeError(`Cannot send ${describe(data)}: give a string or a Uint8Array`);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (typeof value === "object") {
    const maker: unknown = Reflect.get(value, "constructor");
    return typeof maker === "function" ? `an object of ${maker.name}` : "an object";
  }
  return `the ${typeof value} ${String(value).slice(0, 32)}`;
}
