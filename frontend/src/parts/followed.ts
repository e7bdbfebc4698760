// One message as it goes on its way.

import { useQuery } from "@tanstack/react-query";
import { answer, api } from "../api/client";
import { KEYS } from "../api/queries";
import { useMay } from "../api/session";
import type { Message } from "../api/types";

/** The message as it is by now; as it was answered, where the key may not read. */
export function useFollowed(message: Message): Message {
  const followed = useQuery({
    queryKey: [KEYS.message, message.id, "followed"],
    queryFn: ({ signal }) =>
      answer(api().GET("/v1/messages/{id}", { params: { path: { id: message.id } }, signal })),
    enabled: useMay("read"),
    initialData: message,
  });
  return followed.data;
}
