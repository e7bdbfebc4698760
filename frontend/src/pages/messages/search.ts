// What stands in the address of the message list: the search line, so that it survives a reload
// and can be sent to a colleague.

export interface MessagesSearch {
  q?: string;
}

export function readMessagesSearch(raw: Record<string, unknown>): MessagesSearch {
  // The router reads `?q=7` as a number; somebody who wrote it meant the word.
  const q = typeof raw.q === "number" || typeof raw.q === "boolean" ? String(raw.q) : raw.q;
  return typeof q === "string" && q.trim() ? { q } : {};
}
