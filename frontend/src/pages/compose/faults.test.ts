import { describe, expect, it } from "vitest";
import { faultAt } from "../../parts/pointers";
import { emptyDraft } from "./draft";
import { described, faultsOf, homeless, labelOf, withoutFaultsOf } from "./faults";

const WHOLE = { ...emptyDraft("shop@example.com"), to: ["ann@example.net"], text: "Hello" };
const pointers = (faults: readonly { pointer: string }[]) => faults.map(({ pointer }) => pointer);

describe("what is seen before the gateway is asked", () => {
  it("is nothing for a whole mail", () => {
    expect(faultsOf(WHOLE)).toEqual([]);
  });

  it("is that nobody would get it, or that it says nothing", () => {
    expect(pointers(faultsOf(emptyDraft()))).toEqual(["/to", "/text"]);
    expect(faultsOf({ ...WHOLE, to: [], bcc: ["a@x.org"] })).toEqual([]);
    expect(faultsOf({ ...WHOLE, text: "", html: "<p>Hi" })).toEqual([]);
  });

  it("is the one address of many that cannot be right", () => {
    const draft = { ...WHOLE, to: ["a@x.org", "ann"], replyTo: ["x@y"] };
    expect(pointers(faultsOf(draft))).toEqual(["/to/1", "/reply_to/0"]);
  });

  it("is a header or a piece of metadata that another one would silently replace", () => {
    const twice = [
      { id: "1", name: "a/b", value: "1" },
      { id: "2", name: "a/b", value: "2" },
    ];
    expect(pointers(faultsOf({ ...WHOLE, metadata: twice }))).toEqual(["/metadata/a~1b"]);
    const nameless = [{ id: "1", name: "", value: "x" }];
    expect(pointers(faultsOf({ ...WHOLE, headers: nameless }))).toEqual(["/headers"]);
  });

  it("is an idempotency key that cannot stand in a header", () => {
    expect(faultsOf({ ...WHOLE, idempotencyKey: "schlüssel" })).toHaveLength(1);
    expect(faultsOf({ ...WHOLE, idempotencyKey: "" })).toEqual([]);
  });
});

describe("a fault of the API", () => {
  const faults = [
    { pointer: "/to/1", detail: "the domain is not valid" },
    { pointer: "/attachments/0/filename", detail: "a name without directories" },
    { pointer: "/headers/X~1Y", detail: "belongs to the gateway" },
    { pointer: "/total", detail: "unknown field" },
  ];

  it("is shown at its field, with the part that it is about", () => {
    expect(faultAt(faults, "/to", ["a@x.org", "b@x"])).toBe("b@x: the domain is not valid");
    expect(faultAt(faults, "/attachments", ["a/b.pdf"])).toBe(
      "a/b.pdf: a name without directories",
    );
    expect(faultAt(faults, "/headers")).toBe("X/Y: belongs to the gateway");
    expect(faultAt(faults, "/subject")).toBeNull();
  });

  it("is never lost because no field has its name", () => {
    expect(homeless(faults)).toEqual([faults[3]]);
  });

  it("is listed with the field and the part that it is about", () => {
    const draft = { ...WHOLE, to: ["a@x.org", "b@x"] };
    expect(described(faults, draft)).toContainEqual({
      label: "To",
      detail: "b@x: the domain is not valid",
    });
    expect(described(faults, draft)).toContainEqual({ label: "/total", detail: "unknown field" });
  });

  it("goes when its field is changed, and no other with it", () => {
    expect(pointers(withoutFaultsOf(faults, { to: ["a@x.org"] }))).not.toContain("/to/1");
    expect(withoutFaultsOf(faults, { subject: "x" })).toEqual(faults);
    const lonely = [{ pointer: "/to", detail: "nobody" }];
    expect(withoutFaultsOf(lonely, { bcc: ["a@x.org"] })).toEqual([]);
  });

  it("is named as the page names the field", () => {
    expect(labelOf("/reply_to/0")).toBe("Reply-To");
    expect(labelOf("#/header/Prefer")).toBe("Wait for a result");
    expect(labelOf("/else")).toBe("/else");
  });
});
