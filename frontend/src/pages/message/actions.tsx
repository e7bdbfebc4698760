// What may still be done with the message, by its state and the key's scopes.

import { Button } from "@mantine/core";
import { IconBan, IconCalendarClock, IconLockOpen, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { useMay } from "../../api/session";
import type { Message, MessageStatus } from "../../api/types";
import { useConfirm } from "../../parts/confirm";
import { useAction } from "./queries";
import { Reschedule } from "./reschedule";

const WAITS: readonly MessageStatus[] = ["queued", "scheduled", "held"];
const RETRY: Partial<Record<MessageStatus, string>> = {
  queued: "Try now",
  scheduled: "Send now",
  failed: "Try again",
  expired: "Try again",
};

export function Actions({ message }: { message: Message }) {
  const mayAct = useMay("manage");
  const { mutate, mutateAsync, isPending } = useAction(message.id);
  const { ask, dialog } = useConfirm();
  const [isMoving, setMoving] = useState(false);
  if (!mayAct) return null;
  const { status } = message;
  const waits = WAITS.includes(status);
  const cancel = () =>
    ask({
      title: "Cancel this message?",
      body: "It is withdrawn and will never be sent. This cannot be taken back.",
      confirm: "Cancel the message",
      isDangerous: true,
      // What went wrong is said by the action itself.
      action: () => mutateAsync({ name: "cancel" }).catch(() => undefined),
    });
  return (
    <>
      {dialog}
      {status === "held" && (
        <Button
          leftSection={<IconLockOpen size={16} />}
          loading={isPending}
          onClick={() => mutate({ name: "release" })}
        >
          Release
        </Button>
      )}
      {RETRY[status] && (
        <Button
          leftSection={<IconRefresh size={16} />}
          loading={isPending}
          onClick={() => mutate({ name: "retry" })}
        >
          {RETRY[status]}
        </Button>
      )}
      {waits && (
        <Button
          variant="default"
          leftSection={<IconCalendarClock size={16} />}
          onClick={() => setMoving(true)}
        >
          Reschedule
        </Button>
      )}
      {waits && (
        <Button variant="default" c="red" leftSection={<IconBan size={16} />} onClick={cancel}>
          Cancel
        </Button>
      )}
      {isMoving && <Reschedule message={message} onClose={() => setMoving(false)} />}
    </>
  );
}
