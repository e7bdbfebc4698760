// Another time for a message that waits.

import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Message } from "../../api/types";
import { relative } from "../../parts/format";
import { useNow } from "../../parts/when";
import { localTime, timeIn, zoneName } from "./local-time";
import { useAction } from "./queries";

const DAYS_AHEAD = 30;
const DAY_MS = 86_400_000;

export function Reschedule({ message, onClose }: { message: Message; onClose: () => void }) {
  const now = useNow();
  const { mutate, isPending } = useAction(message.id);
  const [local, setLocal] = useState(() => localTime(new Date(message.next_attempt_at ?? now)));
  const at = timeIn(local);
  const fault = faultIn(at, now);
  return (
    <Modal opened onClose={onClose} title="When shall it go out?" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (at && !fault) mutate({ name: "reschedule", sendAt: at }, { onSuccess: onClose });
        }}
      >
        <Stack>
          <TextInput
            type="datetime-local"
            label="Day and time"
            description={`In your time zone, ${zoneName()}`}
            value={local}
            max={localTime(new Date(now.getTime() + DAYS_AHEAD * DAY_MS))}
            error={fault}
            onChange={(event) => setLocal(event.currentTarget.value)}
            data-autofocus
          />
          {at && !fault && (
            <Text size="sm" c="dimmed">
              {at <= now
                ? "That has passed: it goes out at once."
                : `That is ${relative(at, now)}.`}
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" loading={isPending} disabled={!at || fault !== null}>
              Change the time
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function faultIn(at: Date | null, now: Date): string | null {
  if (!at) return "A day and a time are needed.";
  const isTooFar = at.getTime() > now.getTime() + DAYS_AHEAD * DAY_MS;
  return isTooFar ? `At most ${DAYS_AHEAD} days ahead.` : null;
}
