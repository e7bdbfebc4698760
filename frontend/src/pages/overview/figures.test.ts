import { describe, expect, it } from "vitest";
import type { Stats } from "../../api/types";
import { figuresOf } from "./figures";

const LANES = { high: 0, normal: 0, low: 0 };
const STATS = {
  since: "2026-03-01T12:00:00.123456Z",
  until: "2026-03-02T12:00:00.123456Z",
  accepted: 10,
  states: { sent: 6, failed: 1, expired: 2, unknown: 1 },
  hand_over: { p50_ms: 12, p99_ms: 3_400 },
  providers: [],
  series: [],
  tag: null,
  queue: {
    due: { ...LANES, high: 1 },
    later: { ...LANES, low: 2 },
    held: 4,
    leased: 0,
    sending: 1,
    unknown: 1,
    oldest_due_at: "2026-03-02T11:59:00Z",
    oldest_due_seconds: 60,
  },
} as Stats;

const figure = (label: string, stats = STATS) =>
  figuresOf(stats).find((each) => each.label === label);

describe("the overview's figures", () => {
  it("count as failed what expired too, and the link lists just these", () => {
    expect(figure("Failed")).toMatchObject({
      value: "3",
      q: "status:failed,expired since:2026-03-01T12:00:00Z",
      tone: "bad",
    });
  });

  it("count as waiting what goes on by itself, with the age of the oldest", () => {
    expect(figure("Waiting now")).toMatchObject({ value: "4", hint: "oldest due 1 min ago" });
  });

  it("show no colour of alarm when there is nothing to be alarmed at", () => {
    expect(figuresOf({ ...STATS, states: { sent: 6 } }).some(({ tone }) => tone)).toBe(false);
  });

  it("say that there is no latency, where nothing was handed over", () => {
    const none = { ...STATS, hand_over: { p50_ms: null, p99_ms: null } };
    expect(figure("Hand-over", none)).toMatchObject({ value: "–" });
  });
});
