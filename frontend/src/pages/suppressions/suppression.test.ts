import { describe, expect, it } from "vitest";
import { readSuppressionsSearch } from "./search";
import { chunks, originOf, readPasted, tallyInWords, tallyOf } from "./suppression";

describe("a pasted list", () => {
  it("is taken as addresses, each once, whatever names stand beside them", () => {
    expect(readPasted("Ann <ann@x.org>, bo@x.org\nANN@x.org")).toEqual({
      addresses: ["ann@x.org", "bo@x.org"],
      faults: [],
    });
  });

  it("names the lines that cannot be addresses before anything is sent", () => {
    expect(readPasted("ann@x.org\nbo").faults).toEqual([
      "bo has no @: expected an address such as ann@example.net",
    ]);
  });

  it("goes in pieces that the API takes", () => {
    expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(chunks([], 2)).toEqual([]);
  });
});

describe("what came of it", () => {
  const results = [
    { status: 201, result: "added" as const },
    { status: 201, result: "known" as const },
    {
      status: 422,
      problem: {
        type: "urn:x",
        title: "Not valid",
        status: 422,
        detail: "Not valid.",
        code: "invalid_request",
        errors: [{ pointer: "/suppressions/2/address", detail: "the domain is not valid" }],
      },
    },
  ];

  it("tells what is new from what was there, and names what was refused", () => {
    const tally = tallyOf(["a@x.org", "b@x.org", "c@x"], results);
    expect(tally).toEqual({
      added: 1,
      changed: 0,
      known: 1,
      refused: [{ address: "c@x", detail: "the domain is not valid" }],
    });
    expect(tallyInWords(tally)).toBe("1 added, 1 there already.");
    expect(tallyInWords({ added: 0, changed: 0, known: 0 })).toBe("Nothing was added.");
  });
});

describe("an entry's origin", () => {
  it("is told apart, so that a click leads to what caused it", () => {
    expect(originOf("provider:ses")).toEqual({ kind: "provider", name: "ses" });
    expect(originOf("message:msg_1")).toEqual({ kind: "message", id: "msg_1" });
    expect(originOf("something")).toEqual({ kind: "other", text: "something" });
  });
});

describe("the address of the page", () => {
  it("keeps filters that mean something and drops the rest", () => {
    expect(readSuppressionsSearch({ q: "ann", reason: "complaint", origin: "import" })).toEqual({
      q: "ann",
      reason: "complaint",
      origin: "import",
    });
    expect(readSuppressionsSearch({ q: " ", reason: "nonsense", other: 1 })).toEqual({});
  });
});
