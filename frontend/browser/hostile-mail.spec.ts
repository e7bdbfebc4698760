// What a stranger writes into a mail must not run, leave or reach anything when it is looked at.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import type { Gateway } from "./kit/gateway";
import { expect, test } from "./kit/test";

// The policy's refusals are the point here; requests are counted where they would arrive.
test.use({ mustStayHome: false });

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEUlEQVR4nGP4z8DwHwyBNAMAHfAD/TKvQwUAAAAASUVORK5CYII=";

/** A place elsewhere that notes what it is asked for. */
class Elsewhere {
  readonly asked: string[] = [];
  private readonly server: Server = createServer((request, response) => {
    this.asked.push(request.url ?? "");
    response.setHeader("Content-Type", "image/png");
    response.end(Buffer.from(PIXEL, "base64"));
  });
  url = "";

  async start(): Promise<void> {
    await new Promise<void>((resume) => this.server.listen(0, "127.0.0.1", () => resume()));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resume) => this.server.close(resume));
  }
}

const MARK = "window.top.document.title='owned';window.top.owned=1;window.open('/owned')";

/** Everything that a mail could try, each with an address of its own. */
function attacks(far: string): Record<string, string> {
  return {
    script: `<script>${MARK}</script><script src="${far}/script.js"></script>`,
    "event handlers": `<img src=x onerror="${MARK}"><body onload="${MARK}"><div onmouseover="${MARK}" style="position:fixed;inset:0">x</div><input autofocus onfocus="${MARK}"><details open ontoggle="${MARK}">x</details>`,
    svg: `<svg onload="${MARK}"><script>${MARK}</script><image href="${far}/svg.png"/><use href="${far}/use.svg#a"/><foreignObject><iframe src="${far}/svgframe"></iframe></foreignObject></svg>`,
    "javascript links": `<a id="js" href="javascript:${MARK}">js</a><a href="java&#10;script:${MARK}">js</a><a href="data:text/html,<script>${MARK}</script>">data</a>`,
    refresh: `<meta http-equiv="refresh" content="0;url=${far}/refresh"><meta http-equiv="refresh" content="0;url=/owned">`,
    form: `<form action="${far}/form" method="post"><input name="a" value="b"><button id="submit">Send</button></form><form action="/v1/messages" method="get"><button>v1</button></form>`,
    frames: `<iframe src="${far}/frame"></iframe><iframe srcdoc="<script>${MARK}</script>"></iframe><frameset><frame src="${far}/frameset"></frameset><portal src="${far}/portal"></portal>`,
    styles: `<style>@import "${far}/import.css";@import url(${far}/import2.css);@font-face{font-family:f;src:url(${far}/font.woff)}p{background:url(${far}/bg.png);font-family:f}</style><link rel="stylesheet" href="${far}/link.css"><p style="background:url('${far}/inline.png')">styled</p>`,
    base: `<base href="${far}/base/"><img src="relative.png"><a href="relative">x</a>`,
    objects: `<object data="${far}/object"></object><embed src="${far}/embed"><applet code="${far}/applet"></applet><object type="text/html" data="data:text/html,<script>${MARK}</script>"></object>`,
    pixels: `<img src="${far}/pixel.gif" width="1" height="1"><img srcset="${far}/set.png 1x"><picture><source srcset="${far}/source.png"><img src="${far}/picture.png"></picture><table background="${far}/table.png"><tr><td>x</td></tr></table><video src="${far}/video" poster="${far}/poster.png"></video><audio src="${far}/audio" autoplay></audio><input type="image" src="${far}/input.png">`,
    hints: `<link rel="preconnect" href="${far}"><link rel="prefetch" href="${far}/prefetch"><link rel="preload" as="image" href="${far}/preload.png"><link rel="icon" href="${far}/icon.png">`,
    "own policy": `<meta http-equiv="Content-Security-Policy" content="default-src * 'unsafe-inline' 'unsafe-eval'"><script>${MARK}</script><img src="${far}/policy.png">`,
    "break-outs": `</iframe><script>${MARK}</script></script></style></textarea></title></body></html><script>${MARK}</script><img src="${far}/out.png" onerror="${MARK}">"><img src=x onerror="${MARK}">' srcdoc='<script>${MARK}</script>`,
    "shadow tree": `<div><template shadowrootmode="open"><link rel="stylesheet" href="${far}/shadow.css"><img src="${far}/shadow.png"><script>${MARK}</script></template></div>`,
    mutation: `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=${far}/mutated.png onerror=${MARK}&gt;">`,
  };
}

test.describe("a hostile mail", () => {
  let far: Elsewhere;

  test.beforeEach(async () => {
    far = new Elsewhere();
    await far.start();
  });

  test.afterEach(async () => {
    await far.stop();
  });

  test("runs nothing and asks nobody for anything, whatever it tries", async ({
    signedIn: page,
    gateway,
    context,
    strays,
  }) => {
    test.setTimeout(180_000);
    for (const [name, html] of Object.entries(attacks(far.url))) {
      const { id } = await gateway.send({
        html: `<p>before</p>${html}<p>after</p>`,
        subject: name,
      });
      const calls = callsOf(page);
      await look(page, gateway, id);
      await page.waitForTimeout(600);
      await expectUntouched(page, name);
      expect(calls.made, name).toEqual([]);
      calls.stop();
    }
    expect(far.asked).toEqual([]);
    expect(strays.filter((each) => each.startsWith(far.url))).toEqual([]);
    expect(context.pages()).toHaveLength(1);
  });

  test("all at once does no more, and its buttons and links do nothing here", async ({
    signedIn: page,
    gateway,
    context,
  }) => {
    const { form, "javascript links": links, ...others } = attacks(far.url);
    const html = `${form}${links}<a id="top" target="_top" href="${far.url}/top">top</a>${others.script}${others.svg}`;
    const { id } = await gateway.send({ html });
    await look(page, gateway, id);
    const mail = frame(page);
    await mail.locator("#submit").click();
    await mail.locator("#js").click();
    await page.waitForTimeout(500);
    expect(far.asked).toEqual([]);
    expect(context.pages()).toHaveLength(1);
    // A link is opened in a tab of its own, and this page stays where it is.
    const opened = context.waitForEvent("page");
    await mail.locator("#top").click();
    const tab = await opened;
    await expect.poll(() => far.asked).toContain("/top");
    expect(await tab.evaluate(() => window.opener)).toBeNull();
    await expectUntouched(page, "after its links were followed");
    expect(page.url()).toContain(id);
  });

  test("shows pictures from elsewhere only when asked, and nothing else then", async ({
    signedIn: page,
    gateway,
  }) => {
    const html = `<img src="${far.url}/wanted.png"><style>@import "${far.url}/never.css"</style><iframe src="${far.url}/never"></iframe><script>${MARK}</script>`;
    const { id } = await gateway.send({ html });
    await look(page, gateway, id);
    await page.waitForTimeout(500);
    expect(far.asked).toEqual([]);
    await page.getByRole("button", { name: "Load pictures" }).click();
    await expect.poll(() => far.asked).toEqual(["/wanted.png"]);
    await page.waitForTimeout(500);
    expect(far.asked).toEqual(["/wanted.png"]);
    await expectUntouched(page, "with pictures");
  });

  test("an ordinary mail is shown with its own pictures and asks no question", async ({
    signedIn: page,
    gateway,
    strays,
  }) => {
    const logo = { filename: "logo.png", content_type: "image/png", content: PIXEL };
    const { id } = await gateway.send({
      html: '<h1 style="color:#0a0">Hello</h1><img id="logo" src="cid:logo" alt="Logo">',
      attachments: [{ ...logo, content_id: "logo", disposition: "inline" }],
    });
    await look(page, gateway, id);
    await expect(frame(page).getByRole("heading", { name: "Hello" })).toHaveCSS(
      "color",
      "rgb(0, 170, 0)",
    );
    await expect(frame(page).locator("#logo")).toHaveJSProperty("naturalWidth", 2);
    await expect(page.getByRole("button", { name: "Load pictures" })).toHaveCount(0);
    expect(strays).toEqual([]);
  });
});

const frame = (page: Page) => page.frameLocator('iframe[title="The mail as its reader sees it"]');

async function look(page: Page, gateway: Gateway, id: string): Promise<void> {
  await page.goto(`${gateway.url}/messages/${id}`);
  await expect(page.locator("iframe")).toHaveAttribute("sandbox", "allow-popups");
  await expect(frame(page).locator("body")).toBeAttached();
}

async function expectUntouched(page: Page, what: string): Promise<void> {
  expect(await page.evaluate(() => "owned" in window), what).toBe(false);
  expect(await page.title(), what).toMatch(/Mail Sender$/);
}

/** Whatever is asked for by a frame within the page. */
function callsOf(page: Page) {
  const made: string[] = [];
  const note = (request: { url: () => string; frame: () => unknown }) => {
    const isOfThePage = request.frame() === page.mainFrame();
    if (!isOfThePage && !/^(data|blob|about):/.test(request.url())) made.push(request.url());
  };
  page.on("request", note);
  return { made, stop: () => page.off("request", note) };
}
