import { describe, expect, it } from "vitest";
import type { Stats } from "../../api/types";
import { outcomeSteps, providerLines, providerSteps } from "./series";

const bucket = (of: object) => ({
  start: "2026-03-01T12:00:00Z",
  states: {},
  providers: {},
  ...of,
});
const stats = (of: object) => ({ series: [bucket(of)] }) as unknown as Stats;

describe("what became of the mail of each step", () => {
  it("adds up to all that was accepted, whatever word the API has for it", () => {
    const states = { sent: 5, queued: 2, sending: 1, expired: 1, failed: 1, cancelled: 1, new: 1 };
    expect(outcomeSteps(stats({ states }))[0]?.values).toEqual({
      sent: 5,
      waiting: 4,
      failed: 2,
      withdrawn: 1,
    });
  });
});

describe("the rate of each provider", () => {
  it("counts what it accepted, not what it was asked", () => {
    const providers = { ses: { deferred: 4 }, mailgun: { accepted: 3, deferred: 1 } };
    expect(providerSteps(stats({ providers }))[0]?.values).toEqual({ ses: 0, mailgun: 3 });
  });

  it("keeps a provider's colour when another one has no mail", () => {
    const none = { providers: [] } as unknown as Stats;
    expect(providerLines(["ses", "mailgun"], none)[1]?.color).toBe("var(--series-2)");
  });

  it("still shows a provider that was taken out of the configuration since", () => {
    const calls = { providers: [{ provider: "old" }] } as unknown as Stats;
    expect(providerLines(["ses"], calls).map(({ key }) => key)).toEqual(["ses", "old"]);
  });
});
