// What the gateway says of itself; the menu and several pages ask for it.

import { useQuery } from "@tanstack/react-query";
import { answer, api } from "../api/client";
import { every, KEYS } from "../api/queries";
import { useMay } from "../api/session";

export function useSystem() {
  return useQuery({
    queryKey: [KEYS.system],
    queryFn: ({ signal }) => answer(api().GET("/v1/system", { signal })),
    enabled: useMay("read"),
    refetchInterval: every(15_000),
  });
}

export function useHasSandbox(): boolean {
  return useSystem().data?.sandbox ?? false;
}
