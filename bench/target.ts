/** What a number is to be, and whether it is. */
export interface Target {
  readonly bound: "at most" | "at least";
  readonly value: number;
  /** How the value is meant: as it is, times the number beside, or so much more than that. */
  readonly than: "itself" | "times" | "more";
}

export function atMost(value: number): Target {
  return { bound: "at most", value, than: "itself" };
}

export function atLeast(value: number): Target {
  return { bound: "at least", value, than: "itself" };
}

export function atMostTimes(value: number): Target {
  return { bound: "at most", value, than: "times" };
}

export function atLeastTimes(value: number): Target {
  return { bound: "at least", value, than: "times" };
}

export function atMostMore(value: number): Target {
  return { bound: "at most", value, than: "more" };
}

export function isMet({ bound, value, than }: Target, measured: number, beside: number): boolean {
  const limit = { itself: value, times: value * beside, more: value + beside }[than];
  return bound === "at most" ? measured <= limit : measured >= limit;
}
