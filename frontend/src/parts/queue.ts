// What waits, added up from the queue's lanes.

import type { Stats } from "../api/types";

export type Queue = Stats["queue"];

/** The statuses that `waitingIn` counts, as a search line of the message list. */
export const WAITING_QUERY = "status:queued,scheduled,sending";

/** Everything that goes on by itself: due, later, claimed or at a provider right now. */
export function waitingIn({ due, later, leased, sending }: Queue): number {
  return total(due) + total(later) + leased + sending;
}

export function total(lanes: Readonly<Record<string, number>>): number {
  return Object.values(lanes).reduce((sum, lane) => sum + lane, 0);
}
