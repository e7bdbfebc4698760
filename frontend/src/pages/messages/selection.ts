// Which messages are chosen: some by their boxes, or all that the search finds. Pure.

import type { Message } from "../../api/types";

export type Selection = { kind: "some"; ids: ReadonlySet<string> } | { kind: "all"; q: string };

export const NOTHING: Selection = { kind: "some", ids: new Set() };

export function isChosen(selection: Selection, id: string): boolean {
  return selection.kind === "all" || selection.ids.has(id);
}

export function isNothing(selection: Selection): boolean {
  return selection.kind === "some" && selection.ids.size === 0;
}

/** With one box changed; one box less than all means: the loaded ones without it. */
export function toggled(selection: Selection, rows: readonly Message[], id: string): Selection {
  const ids = new Set(selection.kind === "all" ? rows.map((row) => row.id) : selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { kind: "some", ids };
}

/** With every row between two of them, as a click with Shift means it. */
export function extended(
  selection: Selection,
  rows: readonly Message[],
  from: string,
  to: string,
): Selection {
  const ends = [from, to].map((id) => rows.findIndex((row) => row.id === id)).sort((a, b) => a - b);
  const [first = -1, last = -1] = ends;
  if (first < 0) return toggled(selection, rows, to);
  const ids = new Set(selection.kind === "all" ? [] : selection.ids);
  for (const row of rows.slice(first, last + 1)) ids.add(row.id);
  return { kind: "some", ids };
}

export function allLoaded(rows: readonly Message[]): Selection {
  return { kind: "some", ids: new Set(rows.map(({ id }) => id)) };
}
