// A question before something that cannot be taken back.

import { Button, Group, Modal, Stack } from "@mantine/core";
import { type ReactNode, useState } from "react";

interface Question {
  title: string;
  body: ReactNode;
  /** The verb on the button, such as "Cancel 12 messages". */
  confirm: string;
  isDangerous?: boolean;
  action: () => unknown;
}

/** `ask` opens the question; `dialog` has to stand somewhere in the page. */
export function useConfirm(): { ask: (question: Question) => void; dialog: ReactNode } {
  const [question, setQuestion] = useState<Question | null>(null);
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const close = () => setOpen(false);
  const run = async () => {
    setBusy(true);
    try {
      await question?.action();
    } finally {
      setBusy(false);
      close();
    }
  };
  const dialog = (
    <Modal opened={isOpen} onClose={close} title={question?.title} centered>
      <Stack>
        <div>{question?.body}</div>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            Leave it
          </Button>
          <Button
            color={question?.isDangerous ? "red.9" : undefined}
            loading={isBusy}
            onClick={() => void run()}
          >
            {question?.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
  const ask = (next: Question) => {
    setQuestion(next);
    setOpen(true);
  };
  return { ask, dialog };
}
