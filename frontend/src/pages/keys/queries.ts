// Keys: list, make, replace, take back.

import { useQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { KEYS } from "../../api/queries";
import type { components } from "../../api/schema";
import type { NewKey } from "./key";

export type KeyWithSecret = components["schemas"]["KeyWithSecret"];

export function useKeys() {
  return useQuery({
    queryKey: [KEYS.keys],
    queryFn: ({ signal }) => answer(api().GET("/v1/keys", { signal })),
  });
}

export function createKey(body: NewKey): Promise<KeyWithSecret> {
  return answer(api().POST("/v1/keys", { body }));
}

export function rotateKey(id: string, revokeOld: boolean): Promise<KeyWithSecret> {
  const body = { revoke_old: revokeOld };
  return answer(api().POST("/v1/keys/{id}/rotate", { params: { path: { id } }, body }));
}

export async function revokeKey(id: string): Promise<void> {
  await answer(api().DELETE("/v1/keys/{id}", { params: { path: { id } } }));
}
