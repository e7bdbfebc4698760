import { describe, expect, it } from "vitest";
import type { Message } from "../../api/types";
import { allLoaded, extended, isChosen, isNothing, NOTHING, toggled } from "./selection";

const ROWS = ["a", "b", "c", "d"].map((id) => ({ id }) as Message);
const chosen = (selection: Parameters<typeof isChosen>[0]) =>
  ROWS.filter(({ id }) => isChosen(selection, id)).map(({ id }) => id);

describe("a selection", () => {
  it("is made box by box and taken back the same way", () => {
    const one = toggled(NOTHING, ROWS, "b");
    expect(chosen(one)).toEqual(["b"]);
    expect(isNothing(toggled(one, ROWS, "b"))).toBe(true);
  });

  it("reaches from the last box to this one with Shift, in either direction", () => {
    expect(chosen(extended(NOTHING, ROWS, "d", "b"))).toEqual(["b", "c", "d"]);
    expect(chosen(extended(NOTHING, ROWS, "gone", "b"))).toEqual(["b"]);
  });

  it("of all that match becomes one of the loaded ones when a box is taken back", () => {
    expect(chosen(toggled({ kind: "all", q: "" }, ROWS, "c"))).toEqual(["a", "b", "d"]);
    expect(chosen(allLoaded(ROWS))).toHaveLength(4);
  });
});
