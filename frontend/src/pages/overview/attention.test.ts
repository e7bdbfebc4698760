import { describe, expect, it } from "vitest";
import type { Provider, Webhook } from "../../api/types";
import { needsOf } from "./attention";

const LANES = { high: 0, normal: 0, low: 0 };
const QUEUE = {
  due: LANES,
  later: LANES,
  held: 0,
  leased: 0,
  sending: 0,
  unknown: 0,
  oldest_due_at: null,
  oldest_due_seconds: 0,
};
const SYSTEM = { ready: true, why_not_ready: null };

const provider = (of: Record<string, unknown> = {}) =>
  ({
    name: "ses",
    state: "up",
    pause: null,
    breaker: { reason: null, probe_at: null, blocked_senders: {} },
    quota: { per_hour: null, used_hour: null, per_day: null, used_day: null },
    ...of,
  }) as unknown as Provider;

const broken = provider({
  state: "down",
  breaker: { reason: "503", probe_at: "2026-03-01T12:00:00Z", blocked_senders: {} },
});

describe("what needs a person", () => {
  it("is nothing when all is well, so that silence means something", () => {
    expect(needsOf(SYSTEM, QUEUE, [provider()])).toEqual([]);
  });

  it("names an open breaker's reason and next probe", () => {
    expect(needsOf(SYSTEM, QUEUE, [broken])[0]).toMatchObject({
      title: "ses is out of service",
      detail: "503",
      when: { words: "next probe", at: "2026-03-01T12:00:00Z" },
    });
  });

  it("says of a paused provider that it is paused, not that it is broken", () => {
    const pause = { reason: "maintenance", by: "cli", at: "2026-03-01T12:00:00Z" };
    const needs = needsOf(SYSTEM, QUEUE, [{ ...broken, pause, state: "paused" }]);
    expect(needs.map(({ title, detail }) => [title, detail])).toEqual([
      ["ses is paused", "maintenance"],
    ]);
  });

  it("puts what stops mail before what can wait", () => {
    const system = { ready: false, why_not_ready: "the disk is full" };
    const queue = { ...QUEUE, unknown: 2, held: 1, oldest_due_seconds: 900 };
    expect(needsOf(system, queue, [broken]).map(({ id }) => id)).toEqual([
      "not-ready",
      "down-ses",
      "unknown",
      "stuck",
      "held",
    ]);
  });

  it("warns before a quota is used up, and names sender domains that are refused", () => {
    const needs = needsOf(SYSTEM, QUEUE, [
      provider({ quota: { per_hour: null, used_hour: null, per_day: 200, used_day: 190 } }),
      provider({
        name: "relay",
        breaker: { reason: null, probe_at: null, blocked_senders: { "a.example": "not ours" } },
      }),
    ]);
    expect(needs.map(({ title }) => title)).toEqual([
      "ses has used 95% of its quota",
      "relay does not take mail from a.example",
    ]);
  });

  it("names a webhook that fails or that the gateway gave up, not one that a person paused", () => {
    const webhook = (of: Partial<Webhook>) =>
      ({
        id: "whk_1",
        url: "https://x.example",
        pause: null,
        failing_since: null,
        ...of,
      }) as Webhook;
    const at = "2026-03-01T12:00:00Z";
    const titles = (of: Partial<Webhook>) =>
      needsOf(SYSTEM, QUEUE, [], [webhook(of)]).map(({ title }) => title);
    expect(titles({})).toEqual([]);
    expect(titles({ failing_since: at })).toEqual(["A webhook takes nothing"]);
    expect(titles({ failing_since: at, pause: { by: "gateway", reason: "410", at } })).toEqual([
      "A webhook was given up",
    ]);
    expect(titles({ failing_since: at, pause: { by: "key_1", reason: "", at } })).toEqual([]);
  });
});
