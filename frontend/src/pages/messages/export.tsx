// What the search finds, as a file for a spreadsheet.

import { Button, Group, Modal, Progress, Stack, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { count } from "../../parts/format";
import { notifyDone } from "../../parts/notify";
import { ProblemNotice } from "../../parts/problem-notice";
import { saveFile } from "../../parts/save-file";
import { BYTE_ORDER_MARK, CSV_HEAD, csvOf } from "./csv";
import { pagesOf } from "./walk";
import { useStoppable } from "./work";

export function Export({ q }: { q: string }) {
  const [isOpen, setOpen] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const { run, stop, done, isRunning } = useStoppable();

  const start = async () => {
    setError(null);
    setOpen(true);
    try {
      const parts = await run((signal, onProgress) => read(q, signal, onProgress));
      setOpen(false);
      if (!parts) return;
      saveFile(new Blob(parts.csv, { type: "text/csv;charset=utf-8" }), "messages.csv");
      notifyDone(`${count(parts.number)} messages are in messages.csv.`);
    } catch (failure) {
      setError(failure);
    }
  };
  const close = () => {
    stop();
    setOpen(false);
  };
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconDownload size={16} />}
        onClick={() => void start()}
      >
        Export
      </Button>
      <Modal opened={isOpen} onClose={close} title="Export to CSV" centered>
        <Stack>
          {error ? (
            <ProblemNotice error={error} onRetry={() => void start()} />
          ) : (
            <>
              <Text size="sm" aria-live="polite">
                {count(done)} messages read. The file is saved when all are there.
              </Text>
              <Progress value={100} animated={isRunning} aria-label="Export is running" />
            </>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {error ? "Close" : "Stop, save nothing"}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

async function read(q: string, signal: AbortSignal, onProgress: (done: number) => void) {
  const csv = [BYTE_ORDER_MARK, CSV_HEAD];
  let number = 0;
  for await (const page of pagesOf(q, signal)) {
    csv.push(csvOf(page));
    number += page.length;
    onProgress(number);
  }
  return { csv, number };
}
