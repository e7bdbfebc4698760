import { describe, expect, it } from "vitest";
import { armedInWords, FAULT_KINDS, faultsFor, GROUPS, labelOf, requestFor } from "./faults";

const kindOf = (name: string) => {
  const found = FAULT_KINDS.find((kind) => kind.name === name);
  if (!found) throw new Error(name);
  return found;
};

describe("what can be broken", () => {
  it("is only offered where the imitation can act it out", () => {
    const smtp = faultsFor("smtp").map(({ name }) => name);
    expect(smtp).not.toContain("bad_gateway");
    expect(smtp).not.toContain("unverified");
    expect(smtp).toContain("down");
    expect(faultsFor("ses").map(({ name }) => name)).toContain("unverified");
    expect(faultsFor("mailgun").map(({ name }) => name)).toContain("events_lag");
  });

  it("stands in a group that says what follows, so that nobody is surprised", () => {
    const groups = GROUPS.map(([consequence]) => consequence);
    expect(FAULT_KINDS.every(({ consequence }) => groups.includes(consequence))).toBe(true);
  });

  it("is asked for with its setting, and with a number of hits only where it counts them", () => {
    expect(requestFor(kindOf("rate_limited"), 7, 2)).toEqual({
      fault: "rate_limited",
      retry_after: 7,
      times: 2,
    });
    expect(requestFor(kindOf("down"), "", 2)).toEqual({ fault: "down" });
  });
});

describe("what is broken now", () => {
  it("is said with its settings and what is left of it", () => {
    const words = armedInWords({ fault: "rate_limited", retry_after: 5, times: 1 });
    expect(words).toMatch(/429.*Retry-After: 5 s\. .*next provider.*one more hit/);
    expect(labelOf({ fault: "taken_then_cut" })).toBe("Cut before the answer");
  });

  it("is shown even if this page has never heard of it", () => {
    expect(labelOf({ fault: "meteor" })).toBe("meteor");
    expect(armedInWords({ fault: "meteor" })).toBe("meteor.");
  });
});
