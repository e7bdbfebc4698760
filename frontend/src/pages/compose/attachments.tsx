// Files that go along: dropped or chosen, and called by the HTML where they are inline.

import {
  ActionIcon,
  Button,
  Checkbox,
  FileButton,
  Group,
  Input,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { IconPaperclip, IconTrash } from "@tabler/icons-react";
import { type DragEvent, useState } from "react";
import { bytes } from "../../parts/format";
import { notifyProblem } from "../../parts/notify";
import { faultAt } from "../../parts/pointers";
import type { Composing } from "./compose";
import classes from "./compose.module.css";
import type { DraftFile } from "./draft";
import { contentIdFor, draftFileOf } from "./files";

export function Attachments({ draft, faults, change }: Composing) {
  const [isOver, setOver] = useState(false);
  const take = async (chosen: Iterable<File>) => {
    try {
      const files = await Promise.all(Array.from(chosen, draftFileOf));
      change((now) => ({ files: [...now.files, ...files] }));
    } catch (error) {
      notifyProblem(error, "A file could not be read");
    }
  };
  const replace = (id: string, part: Partial<DraftFile>) =>
    change((now) => ({
      files: now.files.map((file) => (file.id === id ? { ...file, ...part } : file)),
    }));
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files);
  };
  const total = draft.files.reduce((sum, { size }) => sum + size, 0);
  const names = draft.files.map(({ filename }) => filename);
  return (
    <Stack gap="xs">
      {draft.files.map((file) => (
        <FileRow
          key={file.id}
          file={file}
          onChange={(part) => replace(file.id, part)}
          onInline={(isInline) => replace(file.id, inlined(file, draft.files, isInline))}
          onRemove={() =>
            change((now) => ({ files: now.files.filter(({ id }) => id !== file.id) }))
          }
        />
      ))}
      <div
        className={classes.drop}
        data-over={isOver || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Group gap="sm" justify="space-between">
          <Text size="sm" c="dimmed">
            {total > 0 ? `${bytes(total)} in all. Drop more files here.` : "Drop files here."}
          </Text>
          <FileButton onChange={(chosen) => void take(chosen)} multiple>
            {(props) => (
              <Button
                {...props}
                size="compact-sm"
                variant="default"
                leftSection={<IconPaperclip size={14} aria-hidden />}
              >
                Attach files
              </Button>
            )}
          </FileButton>
        </Group>
      </div>
      <Input.Error className={classes.error}>{faultAt(faults, "/attachments", names)}</Input.Error>
    </Stack>
  );
}

/** An inline file needs a name that the HTML can call. */
function inlined(file: DraftFile, files: readonly DraftFile[], isInline: boolean) {
  if (!isInline) return { isInline, contentId: "" };
  const taken = files.map(({ contentId }) => contentId);
  return { isInline, contentId: file.contentId || contentIdFor(file.filename, taken) };
}

interface RowProps {
  file: DraftFile;
  onChange: (part: Partial<DraftFile>) => void;
  onInline: (isInline: boolean) => void;
  onRemove: () => void;
}

function FileRow({ file, onChange, onInline, onRemove }: RowProps) {
  return (
    <div className={classes.file}>
      <Group gap="sm" justify="space-between" wrap="nowrap">
        <div style={{ minWidth: 0 }}>
          <Text size="sm" fw={500} truncate>
            {file.filename}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {bytes(file.size)} · {file.contentType}
          </Text>
        </div>
        <Group gap="sm" wrap="nowrap">
          <Checkbox
            size="xs"
            label="Inline"
            aria-label={`${file.filename} is inline`}
            checked={file.isInline}
            onChange={(event) => onInline(event.currentTarget.checked)}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            onClick={onRemove}
            aria-label={`Remove ${file.filename}`}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      </Group>
      {file.isInline && (
        <TextInput
          mt="xs"
          size="xs"
          label="Content id"
          description={
            <>
              In the HTML: <code>{`<img src="cid:${file.contentId}">`}</code>
            </>
          }
          value={file.contentId}
          onChange={(event) => onChange({ contentId: event.currentTarget.value })}
        />
      )}
    </div>
  );
}
