import { describe, expect, it } from "vitest";
import { emptyDraft, freshKey, headersOf, isUntouched, requestOf } from "./draft";

const WRITTEN = {
  ...emptyDraft("Shop <shop@example.com>"),
  to: ["ann@example.net"],
  subject: "Order 7",
  text: "Thank you.",
};

describe("the request that a draft becomes", () => {
  it("leaves out what was left empty, so that the gateway's defaults hold", () => {
    expect(requestOf(WRITTEN)).toEqual({
      from: "Shop <shop@example.com>",
      to: ["ann@example.net"],
      subject: "Order 7",
      text: "Thank you.",
    });
  });

  it("counts a span in seconds and a time in UTC, as the API takes them", () => {
    const draft = { ...WRITTEN, giveUpAfter: 10, giveUpSpan: "minutes" as const };
    expect(requestOf(draft).give_up_after).toBe(600);
    const sendAt = "2030-01-01T09:30";
    expect(requestOf({ ...WRITTEN, sendAt }).send_at).toBe(new Date(sendAt).toISOString());
  });

  it("waits with `timeout` when sync, with `Prefer` when async, never with both", () => {
    const draft = { ...WRITTEN, timeout: 10, wait: 5 };
    expect(requestOf(draft)).not.toHaveProperty("timeout");
    expect(headersOf(draft).Prefer).toBe("wait=5");
    const sync = { ...draft, mode: "sync" as const };
    expect(requestOf(sync)).toMatchObject({ mode: "sync", timeout: 10 });
    expect(headersOf(sync)).not.toHaveProperty("Prefer");
  });

  it("names an inline picture as the HTML does", () => {
    const file = {
      id: "1",
      filename: "logo.png",
      contentType: "image/png",
      size: 1,
      content: "QQ==",
      isInline: true,
      contentId: "logo",
    };
    expect(requestOf({ ...WRITTEN, files: [file] }).attachments).toEqual([
      {
        filename: "logo.png",
        content_type: "image/png",
        content: "QQ==",
        content_id: "logo",
        disposition: "inline",
      },
    ]);
  });

  it("drops rows of headers that were opened and never filled in", () => {
    const headers = [
      { id: "1", name: "X-Campaign", value: "spring" },
      { id: "2", name: " ", value: "" },
    ];
    expect(requestOf({ ...WRITTEN, headers }).headers).toEqual({ "X-Campaign": "spring" });
  });
});

describe("a draft", () => {
  it("has a key of its own from the start, so that no retry ever sends twice", () => {
    expect(emptyDraft().idempotencyKey).not.toBe(emptyDraft().idempotencyKey);
    expect(headersOf(emptyDraft())["Idempotency-Key"]).toMatch(/^[ -~]{1,255}$/);
    expect(freshKey()).not.toBe(freshKey());
  });

  it("may be thrown away without a question only while nobody wrote anything", () => {
    expect(isUntouched(emptyDraft("a@x.org"))).toBe(true);
    expect(isUntouched(WRITTEN)).toBe(false);
  });
});
