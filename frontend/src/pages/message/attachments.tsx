// Files to save. They are never opened here: what a stranger attached is opened elsewhere or not
// at all.

import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { IconDownload, IconPaperclip } from "@tabler/icons-react";
import type { MessageContent } from "../../api/types";
import { bytes } from "../../parts/format";
import { saveFile } from "../../parts/save-file";
import classes from "./message.module.css";

type File = MessageContent["attachments"][number];

export function Attachments({ files }: { files: readonly File[] }) {
  return (
    <Stack gap="xs">
      {files.map((file, at) => (
        <Group key={at} justify="space-between" gap="sm" wrap="nowrap">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <IconPaperclip size={18} aria-hidden style={{ flexShrink: 0 }} />
            <div>
              <Text size="sm" fw={500} className={classes.breaks}>
                {file.filename}
              </Text>
              <Text size="xs" c="dimmed" className={classes.breaks}>
                {file.content_type}, {bytes(file.size)}{" "}
                {file.disposition === "inline" && (
                  <Badge size="xs" variant="default" radius="sm" tt="none">
                    inline
                  </Badge>
                )}
              </Text>
            </div>
          </Group>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={15} />}
            aria-label={`Download ${file.filename}`}
            onClick={() => download(file)}
          >
            Download
          </Button>
        </Group>
      ))}
    </Stack>
  );
}

function download({ content, content_type, filename }: File): void {
  const bytesOf = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  saveFile(new Blob([bytesOf], { type: content_type }), filename);
}
