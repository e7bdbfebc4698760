import { describe, expect, it } from "vitest";
import {
  linesWithData,
  rowsOf,
  type Step,
  stepsWithData,
  stepWords,
  summaryOf,
} from "./time-chart-data";

const LINES = [
  { key: "sent", label: "Sent", color: "green" },
  { key: "failed", label: "Failed", color: "red" },
];
const STEPS: readonly Step[] = [
  { start: "2026-03-01T12:00:00Z", values: { sent: 3 } },
  { start: "2026-03-01T12:30:00Z", values: {} },
  { start: "2026-03-01T13:00:00Z", values: { sent: 1_200 } },
];

describe("a series over time", () => {
  it("shows no line that is zero throughout", () => {
    expect(linesWithData(LINES, STEPS).map(({ key }) => key)).toEqual(["sent"]);
  });

  it("has a number in each step of each line, since a gap would look like missing data", () => {
    expect(rowsOf(STEPS, LINES).map(({ sent, failed }) => [sent, failed])).toEqual([
      [3, 0],
      [0, 0],
      [1_200, 0],
    ]);
  });

  it("lists only steps in which something happened, newest first, each with its end", () => {
    expect(stepsWithData(STEPS, LINES).map(({ start, end }) => [start, end])).toEqual([
      ["2026-03-01T13:00:00Z", "2026-03-01T13:30:00.000Z"],
      ["2026-03-01T12:00:00Z", "2026-03-01T12:30:00.000Z"],
    ]);
  });

  it("can be said in a sentence, and so can its step", () => {
    expect(summaryOf(STEPS, LINES)).toBe("In all: Sent 1,203, Failed 0.");
    expect(stepWords(STEPS)).toBe("30 min");
  });
});
