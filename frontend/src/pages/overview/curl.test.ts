import { describe, expect, it } from "vitest";
import { curlOf } from "./curl";

describe("the curl line", () => {
  it("survives an apostrophe in the mail, which would end the shell's quotes", () => {
    expect(curlOf("http://127.0.0.1:8025", { text: "it's" })).toContain("it'\\''s");
  });

  it("names the key by its variable and never shows it", () => {
    expect(curlOf("https://mail.example.com", {})).toContain('Bearer $MAIL_SENDER_KEY"');
  });
});
