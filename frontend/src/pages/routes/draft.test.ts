import { describe, expect, it } from "vitest";
import { FIRST_DRAFT, fieldOf, listIn, requestOf } from "./draft";

describe("the test box", () => {
  it("asks about the mail that was described, and leaves out what was left empty", () => {
    const request = requestOf({ ...FIRST_DRAFT, from: " ", to: "a@x.example, b@x.example" });
    expect(request.to).toEqual(["a@x.example", "b@x.example"]);
    for (const name of ["from", "tags", "route", "attachments"]) {
      expect(request).not.toHaveProperty(name);
    }
  });

  it("makes an attachment of the size asked for, since providers differ in what they take", () => {
    const [file] = requestOf({ ...FIRST_DRAFT, attachmentMb: 1 }).attachments ?? [];
    expect(((file?.content.length ?? 0) / 4) * 3).toBeGreaterThanOrEqual(1024 ** 2);
    expect(file?.content).toMatch(/^A+$/);
  });

  it("reads lists as people paste them", () => {
    expect(listIn("a, b;\nc\n")).toEqual(["a", "b", "c"]);
  });

  it("puts a fault of the API beside the field that it is about", () => {
    expect(["/to/0", "/from", "/attachments/0/content", "/text"].map(fieldOf)).toEqual([
      "to",
      "from",
      "attachmentMb",
      null,
    ]);
  });
});
