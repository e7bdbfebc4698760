import { describe, expect, it } from "vitest";
import { emptyDraft } from "./draft";
import { summaryOfAnswer, summaryOfKey, summaryOfLabels, summaryOfTimes } from "./summaries";

describe("a closed section", () => {
  it("says nothing while everything in it is as it comes", () => {
    const draft = emptyDraft();
    for (const summary of [summaryOfTimes, summaryOfAnswer, summaryOfLabels, summaryOfKey]) {
      expect(summary(draft)).toBe("");
    }
  });

  it("names what was set, above all what may send twice", () => {
    const draft = {
      ...emptyDraft(),
      giveUpAfter: 10,
      onUnknown: "risk_duplicate" as const,
      tags: ["a"],
      headers: [
        { id: "1", name: "X", value: "1" },
        { id: "2", name: "Y", value: "2" },
      ],
    };
    expect(summaryOfTimes(draft)).toBe("give up after 10 minutes, may arrive twice");
    expect(summaryOfLabels(draft)).toBe("1 tag, 2 headers");
    expect(summaryOfAnswer({ ...draft, mode: "sync" })).toBe("sync, at most 30 s");
    expect(summaryOfKey({ ...draft, idempotencyKey: " " })).toBe("switched off");
  });
});
