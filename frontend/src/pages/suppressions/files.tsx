// The list as a file, and files into the list.

import { Button, FileButton, Group, List, Modal, NativeSelect, Stack, Text } from "@mantine/core";
import { IconDownload, IconUpload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { count } from "../../parts/format";
import { notifyProblem } from "../../parts/notify";
import { ProblemNotice } from "../../parts/problem-notice";
import { saveFile } from "../../parts/save-file";
import { exportCsv, type Imported, importCsv } from "./queries";
import type { Reason, SuppressionsSearch } from "./search";
import { REASONS, tallyInWords } from "./suppression";

export function ExportButton({ filters }: { filters: SuppressionsSearch }) {
  const save = useMutation({
    mutationFn: () => exportCsv(filters),
    onSuccess: (file) => saveFile(file, "suppressions.csv"),
    onError: (error) => notifyProblem(error, "The list could not be exported"),
  });
  const isPart = Object.keys(filters).length > 0;
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
      loading={save.isPending}
      onClick={() => save.mutate()}
    >
      {isPart ? "Export these" : "Export"}
    </Button>
  );
}

interface Props {
  isOpen: boolean;
  onClose: () => void;
  onChanged: () => void;
}

export function ImportDialog({ isOpen, onClose, onChanged }: Props) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Import a CSV file" size="lg">
      <ImportForm onChanged={onChanged} />
    </Modal>
  );
}

function ImportForm({ onChanged }: Pick<Props, "onChanged">) {
  const [reason, setReason] = useState<Reason>("manual");
  const read = useMutation({
    mutationFn: (file: File) => importCsv(file, reason),
    onSettled: onChanged,
  });
  return (
    <Stack>
      <Text size="sm">
        An export from here, or a provider's own. The first line names the columns:{" "}
        <code>address</code> (or <code>email</code>), and if there are any <code>reason</code>,{" "}
        <code>expires_at</code>, <code>note</code>. Importing a file twice does no harm.
      </Text>
      <NativeSelect
        label="Reason of lines that name none"
        data={REASONS}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value as Reason)}
      />
      <Group>
        <FileButton
          accept=".csv,text/csv,text/plain"
          onChange={(file) => {
            if (file) read.mutate(file);
          }}
        >
          {(props) => (
            <Button
              {...props}
              loading={read.isPending}
              leftSection={<IconUpload size={16} aria-hidden />}
            >
              Choose a file
            </Button>
          )}
        </FileButton>
        {read.variables && (
          <Text size="sm" c="dimmed">
            {read.variables.name}
          </Text>
        )}
      </Group>
      {read.data && <Outcome of={read.data} />}
      {read.error && <ProblemNotice error={read.error} />}
    </Stack>
  );
}

function Outcome({ of }: { of: Imported }) {
  return (
    <div role="status">
      <Text fw={600}>{tallyInWords(of)}</Text>
      {of.bad > 0 && (
        <>
          <Text size="sm" mt="xs">
            {count(of.bad)} {of.bad === 1 ? "line was" : "lines were"} left out:
          </Text>
          <List size="sm">
            {of.bad_lines.map(({ line, detail }) => (
              <List.Item key={line}>
                line {line}: {detail}
              </List.Item>
            ))}
          </List>
        </>
      )}
    </div>
  );
}
