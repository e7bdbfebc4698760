// A stranger's HTML as a document that may be shown: it runs nothing, opens nothing by itself and
// asks nobody for anything. Pure, but for the browser's parser.
//
// Three walls, each enough for most attacks: the frame is sandboxed (no scripts, no origin, no
// forms, no way to the page around it); the document's own policy (CSP) allows pictures and inline
// styles and no other address; and what could only do harm is taken out before. The third is there
// for what no policy covers, such as a look-up of a name for `<link rel=preconnect>`.

export interface HtmlMail {
  /** For an iframe's `srcdoc`. */
  document: string;
  /** Whether it wants pictures or styles from elsewhere. */
  wantsRemote: boolean;
}

export interface InlineFile {
  content_id: string | null;
  content_type: string;
  /** Base64. */
  content: string;
}

/** Tokens of the iframe's `sandbox`: links may open a tab, which is bound by it too. */
export const SANDBOX = "allow-popups";

/** A template may become a shadow tree when it is parsed again, and nobody has looked into it. */
const HARMFUL =
  "script, base, meta, link, iframe, frame, frameset, object, embed, applet, portal, template";
const ADDRESSES = ["src", "background", "poster", "href", "xlink:href", "srcset"] as const;
const PICTURES_ONLY = /^data:image\/(png|jpe?g|gif|webp|avif|bmp|svg\+xml)[;,]/i;

/**
 * Args:
 *   html: As the sender wrote it.
 *   files: Those that it may name by `cid:`.
 *   showsRemote: Whether pictures may be loaded from elsewhere, since the reader asked for them.
 */
export function htmlMail(
  html: string,
  files: readonly InlineFile[],
  { showsRemote }: { showsRemote: boolean },
): HtmlMail {
  // A parsed document without a window runs no script and loads nothing.
  const mail = new DOMParser().parseFromString(html, "text/html");
  for (const element of mail.querySelectorAll(HARMFUL)) element.remove();
  const pictures = new Map(files.flatMap(picture));
  let wantsRemote = false;
  for (const element of mail.querySelectorAll("*")) {
    if (isLink(element)) openElsewhere(element);
    else for (const name of ADDRESSES) putPicture(element, name, pictures);
    // The policy would refuse it all the same; without the address there is nothing to refuse.
    if (isRemote(element)) {
      wantsRemote = true;
      if (!showsRemote) forgetRemote(element);
    }
  }
  return { document: wrapped(mail, showsRemote), wantsRemote };
}

function wrapped(mail: Document, showsRemote: boolean): string {
  const pictures = showsRemote ? "data: https: http:" : "data:";
  const policy = `default-src 'none'; img-src ${pictures}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
  const styles = Array.from(mail.head.querySelectorAll("style"), (style) => style.outerHTML).join(
    "",
  );
  return [
    "<!doctype html><html><head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="referrer" content="no-referrer">',
    '<meta http-equiv="x-dns-prefetch-control" content="off">',
    '<meta name="color-scheme" content="light">',
    '<meta name="viewport" content="width=device-width">',
    '<base target="_blank">',
    `<style>${PLAIN}</style>`,
    styles,
    "</head>",
    mail.body.outerHTML,
    "</html>",
  ].join("");
}

/** How a mail looks that says nothing of it: as in a mail program, dark on white. */
const PLAIN =
  "html{background:#fff;color:#111}body{margin:16px;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}img{max-width:100%}";

function isLink(element: Element): boolean {
  return /^(a|area)$/i.test(element.localName);
}

function openElsewhere(link: Element): void {
  const address = link.getAttribute("href") ?? link.getAttribute("xlink:href") ?? "";
  if (/^\s*((https?|mailto|tel):|#)/i.test(address)) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer");
  } else {
    link.removeAttribute("href");
    link.removeAttribute("xlink:href");
  }
  link.removeAttribute("ping");
}

/** `cid:logo` becomes the file itself (RFC 2392); what is no whole address leads nowhere. */
function putPicture(element: Element, name: string, pictures: ReadonlyMap<string, string>): void {
  const value = element.getAttribute(name)?.trim();
  if (value === undefined || /^(data:|https?:\/\/|\/\/|#)/i.test(value)) return;
  const found = /^cid:/i.test(value) ? pictures.get(plainId(decoded(value.slice(4)))) : undefined;
  if (found) element.setAttribute(name, found);
  else if (name !== "srcset") element.removeAttribute(name);
}

function picture(file: InlineFile): [string, string][] {
  const address = `data:${file.content_type};base64,${file.content}`;
  if (!file.content_id || !PICTURES_ONLY.test(address)) return [];
  return [[plainId(file.content_id), address]];
}

function plainId(id: string): string {
  return id.replace(/^<|>$/g, "").toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const ELSEWHERE = /(^|[\s,])(https?:)?\/\//i;
const STYLE_ELSEWHERE = /(url\(|@import|image-set\()\s*["']?\s*(https?:)?\/\//i;
const STYLE_ADDRESSES = /@import[^;]*;?|url\(\s*["']?\s*(https?:)?\/\/[^)]*\)?/gi;

function isRemote(element: Element): boolean {
  if (isLink(element)) return isStyleRemote(element.getAttribute("style") ?? "");
  return (
    ADDRESSES.some((name) => ELSEWHERE.test(element.getAttribute(name) ?? "")) ||
    isStyleRemote(element.getAttribute("style") ?? "") ||
    (element.localName === "style" && isStyleRemote(element.textContent))
  );
}

function forgetRemote(element: Element): void {
  for (const name of isLink(element) ? [] : ADDRESSES) {
    if (ELSEWHERE.test(element.getAttribute(name) ?? "")) element.removeAttribute(name);
  }
  const style = element.getAttribute("style");
  if (style !== null) element.setAttribute("style", withoutRemote(style));
  if (element.localName === "style") element.textContent = withoutRemote(element.textContent);
}

function isStyleRemote(css: string): boolean {
  return STYLE_ELSEWHERE.test(plainCss(css));
}

/** Where an address is still hidden, the whole style goes. */
function withoutRemote(css: string): string {
  const without = css.replace(STYLE_ADDRESSES, "none");
  return isStyleRemote(without) ? "" : without;
}

/** `\75rl(` says `url(` too (CSS Syntax, section 4.3.7). */
function plainCss(css: string): string {
  return css.replace(
    /\\(?:([0-9a-f]{1,6})\s?|(.))/gi,
    (_all, code?: string, character?: string) => {
      const point = Number.parseInt(code ?? "", 16);
      if (!code) return character ?? "";
      return point <= 0x10ffff ? String.fromCodePoint(point) : "\uFFFD";
    },
  );
}
