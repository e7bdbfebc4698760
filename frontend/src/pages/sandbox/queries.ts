// The imitated providers, their inbox, and what is broken.

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { every, KEYS } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Message } from "../../api/types";
import { notifyProblem } from "../../parts/notify";
import type { requestFor } from "./faults";

export function useAccounts() {
  return useQuery({
    queryKey: [KEYS.faults],
    queryFn: ({ signal }) => answer(api().GET("/v1/sandbox/faults", { signal })),
    // The command line breaks and mends as well.
    refetchInterval: every(5_000),
  });
}

export function useInbox(provider: string, limit: number) {
  return useQuery({
    queryKey: [KEYS.inbox, provider, limit],
    queryFn: ({ signal }) =>
      answer(
        api().GET("/v1/sandbox/inbox", {
          params: { query: { limit, ...(provider && { provider }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    // A mail that was taken while the line broke makes no event of its own.
    refetchInterval: every(5_000),
  });
}

export function useMail(id: string) {
  return useQuery({
    queryKey: [KEYS.inbox, "mail", id],
    queryFn: ({ signal }) =>
      answer(api().GET("/v1/sandbox/inbox/{id}", { params: { path: { id } }, signal })),
    enabled: useMay("content"),
    staleTime: Infinity,
  });
}

export function useBreak(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ReturnType<typeof requestFor>) =>
      answer(api().PUT("/v1/sandbox/faults/{name}", { params: { path: { name } }, body })),
    onError: (error) => notifyProblem(error, `${name} could not be broken`),
    onSettled: () => queries.invalidateQueries({ queryKey: [KEYS.faults] }),
  });
}

export function useMend() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (names: readonly string[]) =>
      Promise.all(
        names.map((name) =>
          answer(api().DELETE("/v1/sandbox/faults/{name}", { params: { path: { name } } })),
        ),
      ),
    onError: (error) => notifyProblem(error, "It could not be mended"),
    onSettled: () => queries.invalidateQueries({ queryKey: [KEYS.faults] }),
  });
}

export async function clearInbox(): Promise<void> {
  await answer(api().DELETE("/v1/sandbox/inbox", {}));
}

export function useSendTestMail() {
  return useMutation({
    mutationFn: (mail: { from: string; to: string; subject: string }): Promise<Message> =>
      answer(
        api().POST("/v1/messages", {
          body: {
            ...mail,
            to: [mail.to],
            text: "A test mail from the sandbox page.\n",
            tags: ["sandbox"],
          },
        }),
      ),
    onError: (error) => notifyProblem(error, "The test mail could not be sent"),
  });
}
