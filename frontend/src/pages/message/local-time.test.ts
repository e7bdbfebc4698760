import { describe, expect, it } from "vitest";
import { localTime, timeIn } from "./local-time";

describe("a time in the reader's zone", () => {
  it("comes back as the same minute, so that nothing goes out an hour early", () => {
    const at = new Date(2030, 0, 31, 9, 5);
    expect(localTime(at)).toBe("2030-01-31T09:05");
    expect(timeIn(localTime(at))).toEqual(at);
  });

  it("is null for an empty field, instead of 1970", () => {
    expect(timeIn("")).toBeNull();
    expect(timeIn("soon")).toBeNull();
  });
});
