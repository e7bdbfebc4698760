// Addresses as people type and paste them: `ann@example.net`, `Ann <ann@example.net>`, lists of
// both. Only the shape is looked at; the gateway has the last word (RFC 5321, RFC 5322).

/**
 * The mailboxes in what was typed or pasted: parted by commas, semicolons or line ends, and, where
 * there are only bare addresses, by spaces. A comma inside of quotes parts nothing.
 */
export function splitMailboxes(text: string): string[] {
  return partsOf(text).flatMap((part) => {
    const words = part.split(/\s+/);
    return words.length > 1 && words.every((word) => /^[^\s<>"]+@[^\s<>"]+$/.test(word))
      ? words
      : [part];
  });
}

function partsOf(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (isQuoted && char === "\\") {
      part += char + text.charAt(at + 1);
      at += 1;
    } else if (!isQuoted && /[,;\r\n\t]/.test(char)) {
      parts.push(part);
      part = "";
    } else {
      // A quote that nobody closes is no quote, else the rest of a pasted list would be one mailbox.
      if (char === '"') isQuoted = !isQuoted && text.indexOf('"', at + 1) > at;
      part += char;
    }
  }
  return [...parts, part].map((one) => one.trim()).filter(Boolean);
}

/** The address in a mailbox, without the name. */
export function addressIn(mailbox: string): string {
  return /<([^<>]*)>\s*$/.exec(mailbox)?.[1]?.trim() ?? mailbox.trim();
}

/** What is wrong with a mailbox at first sight, in words; null if nothing is. */
export function faultOfMailbox(mailbox: string): string | null {
  const address = addressIn(mailbox);
  const at = address.lastIndexOf("@");
  if (at < 0) return "has no @: expected an address such as ann@example.net";
  if (at === 0) return "has nothing before the @";
  const isQuoted = address.startsWith('"');
  if (/[\s<>,;]/.test(address) && !isQuoted) return "has a character that no address has";
  if (!isQuoted && address.indexOf("@") !== at) return "has more than one @";
  const labels = address.slice(at + 1).split(".");
  if (labels.length < 2 || labels.some((label) => !label)) {
    return "has no whole domain: expected one such as example.net";
  }
  return null;
}

/** The mailboxes without those whose address stands there already. */
export function withoutRepetition(mailboxes: readonly string[]): string[] {
  const seen = new Set<string>();
  return mailboxes.filter((mailbox) => {
    const address = addressIn(mailbox).toLowerCase();
    if (seen.has(address)) return false;
    seen.add(address);
    return true;
  });
}
