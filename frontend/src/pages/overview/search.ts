// What stands in the overview's address.

import type { Period } from "../../api/types";

export interface OverviewSearch {
  period?: Period;
}

const PERIODS: readonly string[] = ["1h", "24h", "7d", "30d"] satisfies Period[];

export function readOverviewSearch(raw: Record<string, unknown>): OverviewSearch {
  return PERIODS.includes(String(raw.period)) ? { period: raw.period as Period } : {};
}
