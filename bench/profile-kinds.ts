/** Which kind of work a sample of a CPU profile belongs to. */

export interface Frame {
  readonly functionName: string;
  /** Empty for what is not JavaScript. */
  readonly url: string;
  readonly lineNumber: number;
}

/** Also the channel on which the coordinator speaks with its processes. */
const BENCH = "the bench itself";

/** Of functions of the runtime that are not JavaScript, in the order in which they are tried. */
const NATIVE: readonly (readonly [name: RegExp, kind: string])[] = [
  [/^\(garbage collector\)$/, "garbage collection"],
  [/^\(program\)$/, "outside JavaScript: reads, libuv, the kernel"],
  [/^(writev|write(Buffer|Utf8String|Latin1String|AsciiString|UcsString))$/, "writes to sockets"],
  [/^send6?$/, "writes to sockets"],
  [/^(Secp256k1Addon|signOneShot|verifyOneShot)$/, "signing and verifying"],
  // The inspector, which profiles.
  [/^dispatch$/, BENCH],
  [/^(execute|consume|HTTPParser)$/, "HTTP parser"],
];

/** Of JavaScript, by its file. */
const FILES: readonly (readonly [url: RegExp, kind: string])[] = [
  [/^node:internal\/crypto\/hash/, "hashing"],
  [/^node:internal\/crypto\/(cipher|webcrypto|aes|keys|util)/, "AES"],
  [/^node:internal\/crypto/, "other cryptography"],
  [/^node:(_http|internal\/http)/, "HTTP of Node"],
  [/^node:(_tls|tls|internal\/tls)/, "TLS of Node"],
  [/^node:(net|_stream|stream|internal\/(stream|js_stream))/, "sockets and streams of Node"],
  [/^node:(dgram|internal\/dgram)/, "datagrams of Node"],
  [/^node:(internal\/timers|timers|internal\/process|internal\/async)/, "timers and ticks of Node"],
  [/^node:(buffer|internal\/buffer)/, "buffers of Node"],
  [/^node:(fs|internal\/fs)/, "files"],
  [/^node:(internal\/modules|module|vm)/, "loading modules"],
  [/^node:internal\/(child_process|inspector)/, BENCH],
  [/^node:events/, "events of Node"],
  [/^node:/, "other of Node"],
  [/\/secp256k1\//, "signing and verifying"],
  [/\/node_modules\//, "packages"],
  [/\/dist\/wire\/(python-)?json/, "our JSON"],
  [/\/dist\/crypto\/libsecp256k1/, "signing and verifying"],
  [/\/bench\//, BENCH],
];

/** Our own code, by its folder. */
const OURS = /\/dist\/(\w+)\//;

/** @param frames The function that ran, then who called it, to the root. */
export function kindOf(frames: readonly Frame[]): string {
  const [top] = frames;
  if (top?.url === "") {
    const native = NATIVE.find(([name]) => name.test(top.functionName));
    if (native !== undefined) return native[1];
  }
  // Other native functions, such as copying bytes, work for who calls them.
  const caller = frames.find(({ url }) => url !== "");
  if (caller === undefined) return "outside JavaScript: reads, libuv, the kernel";
  const { url } = caller;
  const file = FILES.find(([pattern]) => pattern.test(url));
  if (file !== undefined) return file[1];
  const folder = OURS.exec(url)?.[1];
  return folder === undefined ? "other" : `our ${folder}/`;
}

export function nameOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const place = url.replace(/^.*\/(dist|node_modules|bench)\//, "$1/");
  return `${name} ${place}:${lineNumber + 1}`;
}
