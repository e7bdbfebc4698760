// What stands in the address of the suppression list: its filters.

import type { components } from "../../api/schema";

export type Reason = components["schemas"]["SuppressionReason"];

export interface SuppressionsSearch {
  /** Part of an address. */
  q?: string;
  reason?: Reason;
  /** A kind of origin, such as `provider`, or one of them: `provider:ses`. */
  origin?: string;
}

const REASONS: readonly string[] = [
  "manual",
  "hard_bounce",
  "unsubscribe",
  "complaint",
] satisfies Reason[];

export function readSuppressionsSearch(raw: Record<string, unknown>): SuppressionsSearch {
  return {
    ...(typeof raw.q === "string" && raw.q.trim() && { q: raw.q }),
    ...(REASONS.includes(String(raw.reason)) && { reason: raw.reason as Reason }),
    ...(typeof raw.origin === "string" && raw.origin && { origin: raw.origin }),
  };
}
