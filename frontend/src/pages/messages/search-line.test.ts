import { describe, expect, it } from "vitest";
import { readMessagesSearch } from "./search";
import {
  faultInWords,
  STATUS_VALUES,
  statusesOf,
  suggestionsFor,
  withWord,
  wordsOf,
} from "./search-line";

const KNOWN = {
  status: STATUS_VALUES,
  provider: [{ value: "ses", meaning: "" }],
};
const texts = (line: string, caret = line.length) =>
  suggestionsFor(line, caret, KNOWN).map(({ text }) => text);

describe("the search line", () => {
  it("is taken apart as the gateway does it, so that chips and suggestions mean what is asked", () => {
    const words = wordsOf('to:ann subject:"order 7" hello "two words"');
    expect(words.map(({ name, value }) => [name, value])).toEqual([
      ["to", "ann"],
      ["subject", "order 7"],
      [null, "hello"],
      [null, "two words"],
    ]);
    expect(statusesOf("to:ann status:failed,expired")).toEqual(["failed", "expired"]);
  });

  it("gets a quick filter without losing what else was typed", () => {
    expect(withWord('status:sent subject:"order 7" to:ann', "status", "failed,expired")).toBe(
      'subject:"order 7" to:ann status:failed,expired',
    );
    expect(withWord("status:sent to:ann", "status", null)).toBe("to:ann");
    expect(withWord("", "subject", "two words")).toBe('subject:"two words"');
  });

  it("survives an address that the router reads as a number", () => {
    expect(readMessagesSearch({ q: 7 })).toEqual({ q: "7" });
    expect(readMessagesSearch({ q: "  " })).toEqual({});
  });
});

describe("suggestions", () => {
  it("offers words that are not there yet", () => {
    expect(texts("")).toContain("status:");
    expect(texts("status:failed ")).not.toContain("status:");
    expect(texts("s")).toEqual(["subject:", "status:", "since:"]);
  });

  it("offers values where they can be known, one after the other behind commas", () => {
    expect(texts("status:fa")).toEqual(["status:failed"]);
    expect(texts("status:failed,exp")).toEqual(["status:failed,expired"]);
    expect(texts("provider:")).toEqual(["provider:ses"]);
    expect(texts("to:")).toEqual([]);
    expect(texts('subject:"or')).toEqual([]);
  });

  it("changes only the word under the caret", () => {
    const [first] = suggestionsFor("to:ann stat tag:x", 11, KNOWN);
    expect(first).toMatchObject({
      line: "to:ann status:tag:x",
      caret: 14,
      isWhole: false,
    });
    const [whole] = suggestionsFor("status:fa tag:x", 9, KNOWN);
    expect(whole).toMatchObject({
      line: "status:failed tag:x",
      caret: 14,
      isWhole: true,
    });
  });
});

describe("faults", () => {
  it("are sentences about the search, without the pointer into the request", () => {
    const detail = "there is no stats: but to:, from:";
    expect(faultInWords({ pointer: "#/query/q", detail })).toBe(
      "There is no stats: but to:, from:. Did you mean status:?",
    );
    expect(faultInWords({ pointer: "#/query/q", detail: "status is given twice" })).toBe(
      "Status is given twice.",
    );
    expect(faultInWords({ pointer: "#/query/limit", detail: "at most 200" })).toBe(
      "Limit: at most 200.",
    );
  });
});
