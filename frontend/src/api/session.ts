// The key of this tab. It lives in session storage (gone when the tab closes) and never in an
// address, so that neither history nor a server's log can hold it.

import { useSyncExternalStore } from "react";
import type { components } from "./schema";
import type { Scope } from "./types";

export type Identity = components["schemas"]["KeyOut"];

export interface Session {
  key: string | null;
  identity: Identity | null;
  /** Why the reader was signed out, if not by choice. */
  notice: string | null;
}

const STORED = "mail-sender.session";
const listeners = new Set<() => void>();
let session: Session = restore();

function restore(): Session {
  try {
    const text = sessionStorage.getItem(STORED);
    if (text) return { ...(JSON.parse(text) as Omit<Session, "notice">), notice: null };
  } catch {
    // Storage may be forbidden or hold something else: then the reader signs in again.
  }
  return { key: null, identity: null, notice: null };
}

function change(next: Session): void {
  session = next;
  try {
    if (next.key) {
      sessionStorage.setItem(STORED, JSON.stringify({ key: next.key, identity: next.identity }));
    } else sessionStorage.removeItem(STORED);
  } catch {
    // The session then lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

export function signIn(key: string, identity: Identity): void {
  change({ key, identity, notice: null });
}

export function signOut(notice: string | null = null): void {
  if (session.key) change({ key: null, identity: null, notice });
}

export function currentKey(): string | null {
  return session.key;
}

export function currentSession(): Session {
  return session;
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): Session {
  return useSyncExternalStore(listen, currentSession);
}

/** Whether the key may do what needs this scope; what it may not is not offered. */
export function useMay(scope: Scope): boolean {
  return useSession().identity?.scopes.includes(scope) ?? false;
}
