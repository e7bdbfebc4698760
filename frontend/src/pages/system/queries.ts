// The health checks that load balancers ask, as they answer now.

import { useQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { ApiProblem, Unreachable } from "../../api/problem";
import { every, KEYS } from "../../api/queries";

export interface CheckSaid {
  isGood: boolean;
  words: string;
}

const EVERY_MS = 10_000;

export function useHealth(check: "live" | "ready") {
  return useQuery({
    queryKey: [KEYS.system, "health", check],
    queryFn: ({ signal }) => said(ask(check, signal)),
    refetchInterval: every(EVERY_MS),
  });
}

function ask(check: "live" | "ready", signal: AbortSignal) {
  return check === "live"
    ? answer(api().GET("/health/live", { signal }))
    : answer(api().GET("/health/ready", { signal }));
}

/** A check that says no has answered the question: it is no failure of this page. */
async function said(asked: Promise<{ status: string }>): Promise<CheckSaid> {
  try {
    return { isGood: true, words: (await asked).status };
  } catch (error) {
    if (error instanceof ApiProblem) return { isGood: false, words: error.message };
    if (error instanceof Unreachable) return { isGood: false, words: "no answer" };
    throw error;
  }
}
