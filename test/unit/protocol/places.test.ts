import { describe, expect, it } from "vitest";
import { placesOf } from "../../../src/protocol/places.ts";
import { loadNativeVectors } from "../../vectors.ts";

interface PlaceVector {
  readonly owner: string;
  readonly bucket: number;
  readonly rings: readonly number[];
}

describe("places", () => {
  it.each(loadNativeVectors<PlaceVector>("buckets"))("$owner stands where all say", (vector) => {
    const { owner, ...places } = vector;
    expect(placesOf(owner)).toEqual(places);
  });
});
