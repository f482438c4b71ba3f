/**
 * The five messages, their numbers and their HTTP paths. APPEND ONLY: numbers are the wire.
 *
 * Source: the reference's message types; `docs/protocol.md`.
 * @module
 */

/** The first byte of each message. */
export const MessageType = { HELLO: 1, PEERS: 2, UPDATE: 3, PING: 4, DATA: 5 } as const;

/** One of the five messages, by its number. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** The version string of the Python wire. Peers compare it for equality. */
export const PROTOCOL_VERSION = "0.9.0";

export const MESSAGE_PATHS: Readonly<Record<MessageType, string>> = {
  [MessageType.HELLO]: "/hello",
  [MessageType.PEERS]: "/peers",
  [MessageType.UPDATE]: "/update",
  [MessageType.PING]: "/ping",
  [MessageType.DATA]: "/data",
};

const TYPE_OF_PATH: ReadonlyMap<string, MessageType> = new Map(
  Object.values(MessageType).map((type) => [MESSAGE_PATHS[type], type]),
);

/** The message of an exact request path, or `undefined`. */
export function messageTypeOfPath(path: string): MessageType | undefined {
  return TYPE_OF_PATH.get(path);
}

/** What a message is called in logs and errors. */
export function messageName(type: MessageType): string {
  return MESSAGE_PATHS[type].slice(1).toUpperCase();
}
