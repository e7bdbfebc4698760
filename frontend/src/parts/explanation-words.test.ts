import { describe, expect, it } from "vitest";
import type { Explanation } from "../api/types";
import { type ExplainedProvider, standingOf, verdictOf } from "./explanation-words";

const provider = (name: string, of: Partial<ExplainedProvider> = {}): ExplainedProvider => ({
  position: 1,
  provider: name,
  kind: "ses",
  would_be_asked: !of.cannot_express && !of.blocked,
  cannot_express: null,
  blocked: null,
  losses: [],
  ...of,
});

const explanation = (...providers: ExplainedProvider[]): Explanation => {
  const ready = providers.filter((it) => it.would_be_asked).length;
  return {
    route: "default",
    on_unknown: "wait",
    recipients: 1,
    suppressed: [],
    would_be_sent: ready > 0,
    has_backup: ready > 1,
    providers,
  };
};

describe("the verdict of a dry run", () => {
  it("names who would take the mail and who stands behind", () => {
    const verdict = verdictOf(explanation(provider("ses"), provider("mailgun"), provider("relay")));
    expect(verdict.tone).toBe("good");
    expect(verdict.title).toBe("ses would take it");
    expect(verdict.detail).toContain("mailgun and relay stand ready");
  });

  it("warns when one failure would leave the mail waiting", () => {
    const verdict = verdictOf(
      explanation(provider("ses", { blocked: "out of service: 503" }), provider("mailgun")),
    );
    expect(verdict).toMatchObject({ tone: "warning", title: "mailgun would take it" });
    expect(verdict.detail).toContain("No backup");
  });

  it("tells what never works apart from what does not work now", () => {
    const never = verdictOf(explanation(provider("ses", { cannot_express: "too large" })));
    const later = verdictOf(
      explanation(
        provider("ses", { cannot_express: "too large" }),
        provider("relay", { blocked: "paused" }),
      ),
    );
    expect(never.tone).toBe("bad");
    expect(later).toMatchObject({ tone: "warning", title: "Nobody would take it now" });
  });

  it("says so when the sender chose to risk a duplicate", () => {
    const risky: Explanation = { ...explanation(provider("ses")), on_unknown: "risk_duplicate" };
    expect(verdictOf(risky).detail).toContain("may arrive twice");
  });
});

describe("a provider's place", () => {
  it("is the first only for the one that is asked first", () => {
    const [down, next, last] = [
      provider("ses", { blocked: "paused" }),
      provider("mailgun"),
      provider("relay"),
    ] as const;
    expect([down, next, last].map((it) => standingOf(it, "mailgun"))).toEqual([
      "blocked",
      "first",
      "backup",
    ]);
  });
});
