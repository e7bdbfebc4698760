// Faults of a request at the fields that they are about (RFC 9457 with RFC 6901 pointers).

export interface Fault {
  /** RFC 6901 pointer into the request, or `#/header/…`. */
  pointer: string;
  detail: string;
}

/** Whether a pointer is a field's own, or that of a part of it. */
export function isBelow(pointer: string, field: string): boolean {
  return pointer === field || pointer.startsWith(`${field}/`);
}

/** One part of a pointer (RFC 6901, section 3). */
export function escapedToken(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function unescapedToken(token: string): string {
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}

/**
 * What to write at a field: its own faults, and those of its parts with the part's name before
 * them; null if it has none. `parts` are the names by index, where the pointer counts.
 */
export function faultAt(
  faults: readonly Fault[],
  field: string,
  parts: readonly string[] = [],
): string | null {
  const found = faults
    .filter(({ pointer }) => isBelow(pointer, field))
    .map(({ pointer, detail }) => {
      const token = pointer.slice(field.length + 1).split("/")[0] ?? "";
      if (!token) return detail;
      return `${parts[Number(token)] ?? unescapedToken(token)}: ${detail}`;
    });
  return found.length > 0 ? found.join("\n") : null;
}
