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

const HARMFUL = "script, base, meta, link, iframe, frame, frameset, object, embed, applet, portal";
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
  for (const element of mail.querySelectorAll("*")) {
    openElsewhere(element);
    for (const name of ADDRESSES) putPicture(element, name, pictures);
  }
  const wantsRemote = isRemote(mail);
  return { document: wrapped(mail, showsRemote), wantsRemote };
}

function wrapped(mail: Document, showsRemote: boolean): string {
  const pictures = showsRemote ? "data: https: http:" : "data:";
  const policy = `default-src 'none'; img-src ${pictures}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
  const styles = Array.from(mail.head.querySelectorAll("style"), (style) => style.outerHTML).join(
    "",
  );
  mail.body.removeAttribute("onload");
  return [
    "<!doctype html><html><head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="referrer" content="no-referrer">',
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

function openElsewhere(element: Element): void {
  if (!element.hasAttribute("href") && !element.hasAttribute("xlink:href")) return;
  if (!/^(a|area)$/i.test(element.localName)) return;
  const address = element.getAttribute("href") ?? element.getAttribute("xlink:href") ?? "";
  if (/^\s*(https?|mailto|tel):/i.test(address) || /^\s*#/.test(address)) {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer");
  } else {
    element.removeAttribute("href");
    element.removeAttribute("xlink:href");
  }
  element.removeAttribute("ping");
}

/** `cid:logo` becomes the file itself (RFC 2392). */
function putPicture(element: Element, name: string, pictures: ReadonlyMap<string, string>): void {
  const value = element.getAttribute(name)?.trim() ?? "";
  if (!/^cid:/i.test(value)) return;
  const found = pictures.get(plainId(decoded(value.slice(4))));
  if (found) element.setAttribute(name, found);
  else element.removeAttribute(name);
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
const STYLE_ELSEWHERE = /(url\(|@import)\s*["']?\s*(https?:)?\/\//i;

function isRemote(mail: Document): boolean {
  for (const element of mail.querySelectorAll("*")) {
    if (element.localName === "a" || element.localName === "area") continue;
    for (const name of ADDRESSES) {
      if (ELSEWHERE.test(element.getAttribute(name) ?? "")) return true;
    }
    if (STYLE_ELSEWHERE.test(element.getAttribute("style") ?? "")) return true;
    if (element.localName === "style" && STYLE_ELSEWHERE.test(element.textContent ?? "")) {
      return true;
    }
  }
  return false;
}
