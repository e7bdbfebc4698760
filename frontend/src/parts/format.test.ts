import { describe, expect, it } from "vitest";
import { bytes, duration, percent, relative } from "./format";

const NOW = new Date("2026-03-01T12:00:00Z");
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1_000);

describe("times", () => {
  it("reads as a person would say it, so that nobody has to subtract dates", () => {
    expect(relative(ago(2), NOW)).toBe("just now");
    expect(relative(ago(45), NOW)).toMatch(/45 sec/);
    expect(relative(ago(180), NOW)).toMatch(/3 min/);
    expect(relative(ago(7_200), NOW)).toMatch(/2 hr/);
    expect(relative(ago(3 * 86_400), NOW)).toMatch(/3 days/);
    expect(relative(ago(30 * 86_400), NOW)).toMatch(/2026/);
  });

  it("tells what is still to come apart from what is over", () => {
    expect(relative(ago(-600), NOW)).toMatch(/^in 10 min/);
  });
});

describe("figures", () => {
  it("keeps the unit readable over six orders of magnitude", () => {
    expect([0.2, 12, 3_400, 59_000, 300_000, 7_200_000].map(duration)).toEqual([
      "<1 ms",
      "12 ms",
      "3.4 s",
      "59 s",
      "5 min",
      "2 h",
    ]);
    expect([900, 2_048, 25 * 1024 ** 2].map(bytes)).toEqual(["900 B", "2.0 KB", "25 MB"]);
  });

  it("shows that there is no figure, where there is none", () => {
    expect(duration(null)).toBe("–");
    expect(percent(null)).toBe("–");
    expect(percent(0.985)).toBe("98.5%");
  });
});
