import { describe, expect, it } from "vitest";
import { readPeriodSearch, since, until } from "./period";

describe("the period in the address", () => {
  it("is kept when the API knows it, and forgotten otherwise", () => {
    expect(readPeriodSearch({ period: "7d" })).toEqual({ period: "7d" });
    expect(readPeriodSearch({ period: "7y" })).toEqual({});
    expect(readPeriodSearch({})).toEqual({});
  });
});

describe("words for the message list", () => {
  it("name a moment as a person would type it", () => {
    expect(since("2026-11-23T08:04:42.308560Z")).toBe("since:2026-11-23T08:04:42Z");
    expect(until("2026-11-23T10:04:42.9+02:00")).toBe("until:2026-11-23T08:04:42Z");
  });
});
