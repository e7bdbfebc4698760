// A pause concerns everybody, so it asks why, and says what it would cost.

import { Alert, Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import type { Provider } from "../../api/types";
import { listed } from "../../parts/explanation-words";
import { useRoutes } from "../../parts/queries";
import { usePause } from "./queries";
import { routesWithoutOther } from "./words";

interface Props {
  name: string;
  all: readonly Provider[];
  isOpen: boolean;
  onClose: () => void;
}

export function PauseDialog({ name, all, isOpen, onClose }: Props) {
  const [reason, setReason] = useState("");
  const pause = usePause(name);
  const routes = useRoutes();
  const alone = routesWithoutOther(name, routes.data ?? [], all);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    pause.mutate(reason, {
      onSuccess: () => {
        setReason("");
        onClose();
      },
    });
  };
  return (
    <Modal opened={isOpen} onClose={onClose} title={`Pause ${name}?`} centered>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">
            Nobody asks it until somebody resumes it; its mail goes to the other providers.
          </Text>
          {alone.length > 0 && (
            <Alert color="orange" title="Mail will wait">
              No other provider of the {alone.length > 1 ? "routes" : "route"} {listed(alone)} is
              asked now.
            </Alert>
          )}
          <Textarea
            label="Why?"
            description="Shown to everybody who looks."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            maxLength={500}
            autosize
            minRows={2}
            required
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" loading={pause.isPending} disabled={!reason.trim()}>
              Pause
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
