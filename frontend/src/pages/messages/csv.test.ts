import { describe, expect, it } from "vitest";
import type { Message } from "../../api/types";
import { CSV_HEAD, cell, csvOf } from "./csv";

describe("the export", () => {
  it("turns no subject into a formula, since strangers write subjects", () => {
    expect(cell('=HYPERLINK("http://x","y")')).toBe(`"'=HYPERLINK(""http://x"",""y"")"`);
    expect(["+1", "-1", "@SUM(A1)", "\tx"].map(cell)).toEqual(["'+1", "'-1", "'@SUM(A1)", "'\tx"]);
  });

  it("keeps commas, quotes and line breaks inside their cell", () => {
    expect(cell('a, "b"\nc')).toBe('"a, ""b""\nc"');
    expect([cell("plain"), cell(null), cell(3)]).toEqual(["plain", "", "3"]);
  });

  it("has as many cells in each line as in its head", () => {
    const message = {
      id: "msg_1",
      status: "sent",
      created_at: "c",
      updated_at: "u",
      from: "Shop <a@b>",
      to: ["x@y"],
      cc: [],
      bcc: [],
      subject: "Order",
      tags: ["a", "b"],
      metadata: {},
      route: "default",
      priority: "normal",
      provider: null,
      provider_message_id: null,
      send_at: null,
      next_attempt_at: null,
      attempts: [],
    } as unknown as Message;
    expect(csvOf([message]).split(",")).toHaveLength(CSV_HEAD.split(",").length);
    expect(csvOf([message])).toMatch(/^msg_1,sent,c,u,Shop <a@b>,x@y,,,Order,a b,/);
  });
});
