// What stands in the address of the message list: the search line, so that it survives a reload
// and can be sent to a colleague.

export interface MessagesSearch {
  q?: string;
}

export function readMessagesSearch(raw: Record<string, unknown>): MessagesSearch {
  return typeof raw.q === "string" && raw.q.trim() ? { q: raw.q } : {};
}
