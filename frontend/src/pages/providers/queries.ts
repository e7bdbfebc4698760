// What can be done with a provider, and what it says of an address.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { KEYS } from "../../api/queries";
import type { Provider } from "../../api/types";
import { notifyDone, notifyProblem } from "../../parts/notify";

export function usePause(name: string) {
  return useChange(
    (reason: string) =>
      answer(
        api().POST("/v1/providers/{name}/pause", {
          params: { path: { name } },
          body: { reason: reason.trim() || null },
        }),
      ),
    `${name} is paused`,
    `${name} was not paused`,
  );
}

/** Ends a pause, and closes an open breaker. */
export function useResume(name: string) {
  return useChange(
    () => answer(api().POST("/v1/providers/{name}/resume", { params: { path: { name } } })),
    `${name} is asked again`,
    `${name} was not resumed`,
  );
}

function useChange<V = void>(
  change: (value: V) => Promise<Provider>,
  done: string,
  undone: string,
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      notifyDone(done);
      return queries.invalidateQueries({ queryKey: [KEYS.providers] });
    },
    onError: (error) => notifyProblem(error, undone),
  });
}

export function useTest(name: string) {
  return useMutation({
    mutationFn: () =>
      answer(api().POST("/v1/providers/{name}/test", { params: { path: { name } } })),
    onError: (error) => notifyProblem(error, `${name} was not tested`),
  });
}

const PENDING_MS = 4_000;

/** What each provider that has the concept says of an address; asked again while one waits. */
export function useVerification(address: string | null) {
  return useQuery({
    queryKey: verificationKey(address),
    queryFn: ({ signal }) =>
      answer(
        api().GET("/v1/verifications/{address}", {
          params: { path: { address: address ?? "" } },
          signal,
        }),
      ),
    enabled: address !== null,
    refetchInterval: ({ state }) =>
      state.data?.data.some(({ status }) => status === "pending") ? PENDING_MS : false,
  });
}

/** Has each provider send its verification mail. */
export function useAskVerification(address: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      answer(api().POST("/v1/verifications/{address}", { params: { path: { address } } })),
    onSuccess: (said) => {
      queries.setQueryData(verificationKey(address), said);
      notifyDone(`Asked to verify ${address}`);
    },
    onError: (error) => notifyProblem(error, `${address} was not asked to be verified`),
  });
}

const verificationKey = (address: string | null) => [KEYS.providers, "verification", address];
