import { describe, expect, it } from "vitest";
import { type Chosen, whatHappens, whatIsLeftOut } from "./bulk";

const CHOSEN: Chosen = new Map([
  ["a", "failed"],
  ["b", "failed"],
  ["c", "scheduled"],
]);

describe("a dry run in words", () => {
  it("tells apart what is tried again from what is merely sent earlier", () => {
    expect(whatHappens("retry", { ids: ["a", "b", "c"], leftOut: {} }, CHOSEN)).toEqual([
      {
        text: "2 failed",
        why: "tried again now, for the recipients that did not get it",
      },
      { text: "1 scheduled", why: "sent now instead of at its time" },
    ]);
  });

  it("says why each group is left out, differently for each action", () => {
    const result = { ids: [], leftOut: { sent: 3, unknown: 1, not_found: 1 } };
    const retry = whatIsLeftOut("retry", result);
    expect(retry.map(({ text }) => text)).toEqual(["3 sent", "1 unknown", "1 gone"]);
    expect(retry[1]?.why).toMatch(/may send it twice/);
    expect(whatIsLeftOut("cancel", result)[0]?.why).toMatch(/cannot be called back/);
  });
});
