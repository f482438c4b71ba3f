/**
 * How each message of `packets.json` and `parse.json` meets our codecs, so that one test can run
 * them all. Fields have the names and forms of the vectors.
 */
import { ByteReader } from "../../../src/bytes/reader.ts";
import { dataSignedPart, decodeData, encodeData } from "../../../src/wire/data.ts";
import { decodeHello, encodeHello, type Hello, helloSignedPart } from "../../../src/wire/hello.ts";
import {
  decodePeers,
  encodePeers,
  type PeersPacket,
  peersSignedPart,
} from "../../../src/wire/peers.ts";
import {
  decodeStatePacket,
  encodeStatePacket,
  type StatePacket,
  stateSignedPart,
} from "../../../src/wire/state-packet.ts";
import { fromHex, toHex } from "../../vectors.ts";

interface Fields {
  readonly version: string;
  readonly node_id: string;
  readonly address: string | null;
  readonly port: number;
  readonly public_key: string;
  readonly detected_address: string | null;
  readonly connections: readonly (readonly [string, string | null, number])[];
  readonly last_update: number;
  readonly last_update_bytes: string;
  readonly state_json: string;
  readonly data: string;
}

export interface PacketCase {
  readonly name: string;
  readonly kind: "HELLO" | "PEERS" | "UPDATE" | "DATA";
  readonly message_type: number;
  /** Each kind has some of them. */
  readonly fields: Fields;
  readonly signed_message: string;
  readonly signature: string;
  readonly body: string;
  readonly plaintext: string;
}

interface Kind {
  encode(vector: PacketCase): Uint8Array;
  signedPart(vector: PacketCase): Uint8Array;
  decode(bytes: Uint8Array): { readonly signedPart: Uint8Array; readonly trailing: Uint8Array };
  /** What was decoded, in the form of `parse.json`. */
  fields(bytes: Uint8Array): Readonly<Record<string, unknown>>;
  /** What {@link fields} should be. */
  expected(vector: PacketCase): Readonly<Record<string, unknown>>;
  /** Lengths at which a cut packet is a whole one. */
  wholeAt(vector: PacketCase, bytes: Uint8Array): readonly number[];
}

const address = (text: string | null) => text ?? "";
const orNull = (text: string) => (text === "" ? null : text);

export const KINDS: Readonly<Record<PacketCase["kind"], Kind>> = {
  HELLO: {
    encode: (vector) => encodeHello(helloOf(vector)),
    signedPart: (vector) => helloSignedPart(helloOf(vector)),
    decode: decodeHello,
    fields(bytes) {
      const { hello } = decodeHello(bytes);
      return {
        version: hello.version,
        node_id: hello.nodeId,
        address: orNull(hello.address),
        port: hello.port,
        public_key: toHex(hello.publicKey),
        signature: toHex(hello.signature),
        detected_address: orNull(hello.detectedAddress),
      };
    },
    expected: (vector) => ({ ...vector.fields, signature: vector.signature }),
    wholeAt: (vector, bytes) => [bytes.length - 4 - address(vector.fields.detected_address).length],
  },
  PEERS: {
    encode: (vector) => encodePeers(peersOf(vector)),
    signedPart: (vector) => peersSignedPart(peersOf(vector)),
    decode: decodePeers,
    fields(bytes) {
      const { packet } = decodePeers(bytes);
      return {
        node_id: packet.nodeId,
        signature: toHex(packet.signature),
        connections: packet.entries.map((entry) => [
          entry.nodeId,
          orNull(entry.address),
          entry.port,
        ]),
      };
    },
    expected: (vector) => ({ ...vector.fields, signature: vector.signature }),
    wholeAt: () => [],
  },
  UPDATE: {
    encode: (vector) => encodeStatePacket(stateOf(vector)),
    signedPart: (vector) => stateSignedPart(stateOf(vector)),
    decode: decodeStatePacket,
    fields(bytes) {
      const { packet } = decodeStatePacket(bytes);
      const reader = new ByteReader(bytes);
      reader.string();
      return {
        node_id: packet.nodeId,
        last_update_bytes: toHex(reader.raw(8)),
        signature: toHex(packet.signature),
        state_json: packet.text,
      };
    },
    expected: ({ fields, signature }) => ({
      node_id: fields.node_id,
      last_update_bytes: fields.last_update_bytes,
      signature,
      state_json: fields.state_json,
    }),
    wholeAt: () => [],
  },
  DATA: {
    encode: (vector) =>
      encodeData({
        nodeId: vector.fields.node_id,
        signature: fromHex(vector.signature),
        payload: fromHex(vector.fields.data),
      }),
    signedPart: ({ fields }) => dataSignedPart(fields.node_id, fromHex(fields.data)),
    decode: decodeData,
    fields(bytes) {
      const { packet } = decodeData(bytes);
      return {
        node_id: packet.nodeId,
        signature: toHex(packet.signature),
        data: toHex(packet.payload),
      };
    },
    expected: (vector) => ({ ...vector.fields, signature: vector.signature }),
    wholeAt: () => [],
  },
};

function helloOf({ fields, signature }: PacketCase): Hello {
  return {
    version: fields.version,
    nodeId: fields.node_id,
    address: address(fields.address),
    port: fields.port,
    publicKey: fromHex(fields.public_key),
    signature: fromHex(signature),
    detectedAddress: address(fields.detected_address),
  };
}

function peersOf({ fields, signature }: PacketCase): PeersPacket {
  return {
    nodeId: fields.node_id,
    signature: fromHex(signature),
    entries: fields.connections.map(([nodeId, host, port]) => ({
      nodeId,
      address: address(host),
      port,
    })),
  };
}

function stateOf({ fields, signature }: PacketCase): StatePacket {
  return {
    nodeId: fields.node_id,
    version: fields.last_update,
    signature: fromHex(signature),
    text: fields.state_json,
  };
}
