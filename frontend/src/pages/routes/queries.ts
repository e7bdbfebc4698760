// The dry run, asked as one types.

import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { isPassing } from "../../api/problem";
import { every, KEYS } from "../../api/queries";
import { type Draft, requestOf } from "./draft";

const PAUSE_MS = 350;

/**
 * What would happen to the mail of the form. Waits for a pause in typing; an older call that is
 * still under way is aborted. Asked again when a provider's state may have changed.
 */
export function useExplanation(draft: Draft) {
  const [settled] = useDebouncedValue(draft, PAUSE_MS);
  return useQuery({
    queryKey: [KEYS.providers, "explanation", settled],
    queryFn: ({ signal }) =>
      answer(api().POST("/v1/explain", { body: requestOf(settled), signal })),
    placeholderData: keepPreviousData,
    // A large attachment is sent along: often enough when somebody types or mail moves.
    refetchInterval: settled.attachmentMb > 0 ? afterFailure : every(10_000),
    gcTime: 0,
  });
}

function afterFailure({ state }: { state: { error: Error | null } }) {
  return isPassing(state.error) ? 3_000 : (false as const);
}
