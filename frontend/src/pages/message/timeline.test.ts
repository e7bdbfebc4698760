import { describe, expect, it } from "vitest";
import type { Attempt, Happening, Message } from "../../api/types";
import { providerName, storyOf } from "./timeline";

const KINDS = new Map([
  ["ses", { kind: "ses" }],
  ["mailgun", { kind: "mailgun" }],
]);

function attempt(number: number, over: Partial<Attempt>): Attempt {
  return {
    number,
    provider: "ses",
    started_at: at(number),
    duration_ms: 95,
    outcome: "accepted",
    blame: null,
    code: null,
    enhanced_code: null,
    detail: "",
    provider_message_id: null,
    recipients: [],
    ...over,
  };
}

const at = (second: number) => `2026-01-01T10:00:${String(second).padStart(2, "0")}Z`;
const event = (second: number, type: string, data: Record<string, unknown> = {}) =>
  ({
    id: `evt_${second}_${type}`,
    type,
    at: at(second),
    message_id: "m",
    data,
  }) as Happening;
const message = (...attempts: Attempt[]) => ({ route: "default", attempts }) as Message;
const texts = (it: Message, ...events: Happening[]) =>
  storyOf(it, events, KINDS).map(({ text }) => text);

describe("the story of a message", () => {
  it("tells a failover in order: who did not take it and why, and who then did", () => {
    const it_ = message(
      attempt(1, {
        outcome: "deferred",
        blame: "provider",
        code: 503,
        detail: "Busy",
      }),
      attempt(2, { provider: "mailgun", provider_message_id: "<1@mg>" }),
    );
    const events = [event(0, "message.queued"), event(3, "message.sent", { provider: "mailgun" })];
    expect(texts(it_, ...events)).toEqual([
      "It was accepted and stored safely.",
      "Amazon SES (ses) was asked and did not take it: it answered 503 after 95 ms, “Busy”. Nothing went out.",
      "Then Mailgun (mailgun) took it in 95 ms, as <1@mg>.",
    ]);
    const steps = storyOf(it_, events, KINDS);
    expect(steps[1]?.why).toMatch(/first in the route “default”/);
    expect(steps[2]?.why).toMatch(/the failure was ses's own/);
    expect(steps[1]?.raw?.code).toBe(503);
  });

  it("says why a provider was passed over", () => {
    const it_ = message(
      attempt(1, {
        outcome: "skipped",
        blame: "provider",
        detail: "out of service: 503",
      }),
      attempt(2, { provider: "mailgun" }),
    );
    const [skipped, taken] = storyOf(it_, [], KINDS);
    expect(skipped?.text).toBe("Amazon SES (ses) was passed over: out of service: 503.");
    expect(taken?.why).toMatch(/as ses was passed over/);
  });

  it("never says `not sent` of what nobody knows, and tells how it was settled", () => {
    const it_ = message(attempt(1, { outcome: "unknown", detail: "connection closed" }));
    expect(
      texts(
        it_,
        event(2, "message.unknown", { on_unknown: "wait" }),
        event(9, "message.settling", {
          provider: "ses",
          finding: "events name it",
        }),
        event(9, "message.sent", { provider: "ses" }),
      ),
    ).toEqual([
      "Amazon SES (ses) was asked, and nobody knows whether it took it: connection closed, after 95 ms.",
      "The outcome is unknown, so it is not sent again by itself.",
      "The gateway asked Amazon SES (ses) about it: events name it.",
      "Amazon SES (ses) turned out to have taken it.",
    ]);
  });

  it("begins a new pass after a wait, so that the first provider is first again", () => {
    const refused = { outcome: "deferred", blame: "provider" } as const;
    const it_ = message(attempt(1, refused), attempt(5, {}));
    const steps = storyOf(it_, [event(2, "message.deferred", { next_attempt_at: at(5) })], KINDS);
    expect(steps.at(-1)?.text).toBe("Amazon SES (ses) took it in 95 ms.");
    expect(steps.at(-1)?.why).toMatch(/first in/);
  });

  it("tells a message that only some recipients' provider took", () => {
    const each = { blame: null, code: null, enhanced_code: null, detail: "" };
    const recipients = [
      { address: "a@x", outcome: "accepted" as const, ...each },
      { address: "b@x", outcome: "refused" as const, ...each },
    ];
    expect(texts(message(attempt(1, { recipients })))[0]).toMatch(/for 1 of 2 recipients/);
  });

  it("shows words of a later version of the API instead of nothing", () => {
    expect(texts(message(), event(1, "message.noted", { recipient: "a@x" }))).toEqual([
      "Noted (a@x).",
    ]);
    expect(providerName("other", KINDS)).toBe("other");
  });

  it("tells what the provider said afterwards, with the receiving server's own words", () => {
    const about = { provider: "ses", recipient: "ann@example.net" };
    const bounce = { ...about, bounce_type: "hard", code: 550, detail: "5.1.1 No such user" };
    const steps = storyOf(
      message(),
      [event(5, "message.delivered", about), event(9, "message.bounced", bounce)],
      KINDS,
    );
    expect(steps.map(({ text }) => text)).toEqual([
      "The mail server of ann@example.net took it.",
      "It bounced for good from ann@example.net.",
    ]);
    expect(steps[1]?.why).toBe("It said: 550 5.1.1 No such user");
  });

  it("tells an address with a dollar sign as it is", () => {
    const told = event(1, "message.complained", { recipient: "$&@example.net" });
    expect(texts(message(), told)).toEqual(["$&@example.net reported it as spam."]);
  });
});
