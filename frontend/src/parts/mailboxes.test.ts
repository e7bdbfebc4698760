import { describe, expect, it } from "vitest";
import { addressIn, faultOfMailbox, splitMailboxes, withoutRepetition } from "./mailboxes";

describe("a pasted list of addresses", () => {
  it("falls apart at commas, semicolons and line ends, as mail programs and spreadsheets write them", () => {
    expect(splitMailboxes("a@x.org, Ann <b@x.org>; c@x.org\nd@x.org\r\n\te@x.org,")).toEqual([
      "a@x.org",
      "Ann <b@x.org>",
      "c@x.org",
      "d@x.org",
      "e@x.org",
    ]);
  });

  it("keeps a name with a comma in quotes whole", () => {
    expect(splitMailboxes('"Doe, \\"Ann\\", Dr." <ann@x.org>, b@x.org')).toEqual([
      '"Doe, \\"Ann\\", Dr." <ann@x.org>',
      "b@x.org",
    ]);
  });

  it("is not swallowed by a quote that nobody closes", () => {
    expect(splitMailboxes('a"b@x.org, c@x.org')).toEqual(['a"b@x.org', "c@x.org"]);
  });

  it("parts bare addresses at spaces, but never a name from its address", () => {
    expect(splitMailboxes("a@x.org b@x.org")).toEqual(["a@x.org", "b@x.org"]);
    expect(splitMailboxes("Ann Doe <a@x.org>")).toEqual(["Ann Doe <a@x.org>"]);
  });
});

describe("one address", () => {
  it("is found in its mailbox", () => {
    expect(addressIn("Ann <a@x.org>")).toBe("a@x.org");
    expect(addressIn(" a@x.org ")).toBe("a@x.org");
  });

  it("with a slip of the keyboard is told before anything is sent", () => {
    expect(faultOfMailbox("ann")).toMatch(/no @/);
    expect(faultOfMailbox("@x.org")).toMatch(/before the @/);
    expect(faultOfMailbox("ann@localhost")).toMatch(/domain/);
    expect(faultOfMailbox("ann@x..org")).toMatch(/domain/);
    expect(faultOfMailbox("ann doe@x.org")).toMatch(/character/);
    expect(faultOfMailbox("ann@x.org@y.org")).toMatch(/more than one/);
  });

  it("that is unusual but right is let through", () => {
    for (const good of [
      "Ann <ann+tag@x.org>",
      "jörg@exämple.de",
      '"a b"@x.org',
      "o'hara@x.co.uk",
    ]) {
      expect(faultOfMailbox(good)).toBeNull();
    }
  });

  it("gets one mail, however often it was pasted", () => {
    expect(withoutRepetition(["a@x.org", "Ann <A@x.org>", "b@x.org"])).toEqual([
      "a@x.org",
      "b@x.org",
    ]);
  });
});
