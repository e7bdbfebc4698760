// What the overview asks for beyond what it shares with other pages.

import { useMutation, useQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { KEYS } from "../../api/queries";
import type { SendRequest } from "../../api/types";

type Mail = Omit<SendRequest, "template">;

/** Whether this installation ever took a message. */
export function useHasMail() {
  return useQuery({
    queryKey: [KEYS.messages, "any"],
    queryFn: async ({ signal }) => {
      const page = await answer(
        api().GET("/v1/messages", { params: { query: { limit: 1 } }, signal }),
      );
      return page.data.length > 0;
    },
  });
}

/** The test mail of the first start; `hasDefaultSender` says whether `from` may be left out. */
export function firstMail(hasDefaultSender: boolean): Mail {
  return {
    ...(hasDefaultSender ? {} : { from: "hello@example.com" }),
    to: ["you@example.net"],
    subject: "My first mail",
    text: "Hello! Mail Sender took this mail, stored it and gave it to a provider.",
  };
}

export function useFirstSend() {
  return useMutation({
    mutationFn: (mail: Mail) => answer(api().POST("/v1/messages", { body: mail })),
  });
}
