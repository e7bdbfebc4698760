import { describe, expect, it } from "vitest";
import { htmlMail } from "./html-mail";

const shown = (html: string, showsRemote = false, files: Parameters<typeof htmlMail>[1] = []) =>
  htmlMail(html, files, { showsRemote });

describe("a stranger's HTML", () => {
  it("stands under our policy, which comes first and allows no address", () => {
    const { document } = shown('<meta http-equiv="Content-Security-Policy" content="x">hi');
    expect(document.match(/Content-Security-Policy/g)).toHaveLength(1);
    expect(document).toMatch(
      /^<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;/,
    );
  });

  it("loses what can only do harm", () => {
    const { document } = shown(
      '<script>1</script><base href="https://x.test/"><link rel="preconnect" href="https://x.test"><template shadowrootmode="open"><p>x.test</p></template><object data="x"></object><p>text</p>',
    );
    expect(document).not.toMatch(/<script|<link|<iframe|<object|x\.test/);
    expect(document).toContain("<p>text</p>");
  });

  it("opens links in another tab, and those that are none not at all", () => {
    const { document } = shown(
      '<a href="https://a.test" target="_top" ping="https://p.test">a</a><a href="javascript:alert(1)">b</a>',
    );
    expect(document).toMatch(
      /<a href="https:\/\/a\.test" target="_blank"[^>]*rel="noopener noreferrer"/,
    );
    expect(document).not.toMatch(/javascript:|p\.test|_top/);
  });

  it("shows its own pictures, and no file that is no picture", () => {
    const file = {
      content_id: "<Logo@x>",
      content_type: "image/png",
      content: "AAAA",
    };
    const html = { ...file, content_id: "page", content_type: "text/html" };
    const { document } = shown('<img src="cid:logo%40x"><img src="cid:page">', false, [file, html]);
    expect(document).toContain('<img src="data:image/png;base64,AAAA">');
    expect(document).not.toContain("text/html");
  });

  it("says whether there is something to load, so that a reader is asked only then", () => {
    expect(shown('<a href="https://a.test">a</a>').wantsRemote).toBe(false);
    for (const html of [
      '<img src="https://t.test/1.gif">',
      '<img src="//t.test/1.gif">',
      '<img srcset="a 1x, https://t.test/2.png 2x">',
      '<table background="http://t.test/b.png"></table>',
      '<p style="background:url(https://t.test/c.png)">x</p>',
      '<style>@import "https://t.test/d.css"; p{color:red}</style>',
      '<p style="background:\\75 rl(https://t.test/e.png)">x</p>',
      '<p style="background:image-set(&quot;https://t.test/f.png&quot; 1x)">x</p>',
    ]) {
      expect(shown(html).wantsRemote, html).toBe(true);
      expect(shown(html).document, html).not.toContain("t.test");
      expect(shown(html, true).document, html).toContain("t.test");
    }
  });

  it("lets pictures in only when asked, and still nothing else", () => {
    const { document } = shown('<img src="https://t.test/1.gif">', true);
    expect(document).toContain(
      "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'",
    );
  });
});
