import { describe, expect, it } from "vitest";
import { base64Of, contentIdFor, draftFileOf } from "./files";

describe("an attachment", () => {
  it("arrives byte for byte, however large it is", () => {
    const bytes = Uint8Array.from({ length: 100_001 }, (_, at) => (at * 7) % 256);
    expect(Buffer.from(base64Of(bytes), "base64").equals(Buffer.from(bytes))).toBe(true);
  });

  it("has a type even where the browser knows none", async () => {
    const file = await draftFileOf(new File(["x"], "data.unheard"));
    expect(file).toMatchObject({ filename: "data.unheard", size: 1, content: "eA==" });
    expect(file.contentType).toBe("application/octet-stream");
  });

  it("that is inline gets a name for the HTML to call, and no two the same", () => {
    expect(contentIdFor("Logo (1).png", [])).toBe("logo-1");
    expect(contentIdFor("logo.gif", ["logo"])).toBe("logo-2");
    expect(contentIdFor("….png", [])).toBe("file");
  });
});
