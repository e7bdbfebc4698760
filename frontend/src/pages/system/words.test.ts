import { describe, expect, it } from "vitest";
import type { Queue } from "../../parts/queue";
import { featureWords, lanesOf } from "./words";

describe("the queue by lane", () => {
  it("lists lanes in the order in which they are served, even empty ones", () => {
    const queue = { due: { low: 2 }, later: { normal: 1 } } as unknown as Queue;
    expect(lanesOf(queue)).toEqual([
      { name: "high", due: 0, later: 0 },
      { name: "normal", due: 0, later: 1 },
      { name: "low", due: 2, later: 0 },
    ]);
  });
});

describe("features", () => {
  it("that a newer gateway has are shown by their own name", () => {
    expect(featureWords("time_travel")).toEqual({ label: "time_travel", meaning: "" });
  });
});
