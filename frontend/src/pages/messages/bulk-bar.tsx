// What can be done with the chosen messages; stands above the list as long as some are chosen.

import { Button, Group, Paper, Text } from "@mantine/core";
import { IconBan, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import type { Message } from "../../api/types";
import { count } from "../../parts/format";
import type { BulkAction } from "./bulk";
import { BulkDialog } from "./bulk-dialog";
import { isNothing, NOTHING, type Selection } from "./selection";

interface Props {
  q: string;
  selection: Selection;
  /** The loaded ones. */
  rows: readonly Message[];
  hasMore: boolean;
  onSelection: (selection: Selection) => void;
}

export function BulkBar({ q, selection, rows, hasMore, onSelection }: Props) {
  const [action, setAction] = useState<BulkAction | null>(null);
  if (isNothing(selection)) return null;
  const isAllLoaded = selection.kind === "some" && selection.ids.size >= rows.length;
  return (
    <Paper withBorder p="xs" px="md" radius="md" bg="var(--mantine-primary-color-light)">
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          <Text size="sm" fw={600} aria-live="polite">
            {selection.kind === "all" ? whole(q) : `${count(selection.ids.size)} chosen`}
          </Text>
          {isAllLoaded && hasMore && (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => onSelection({ kind: "all", q })}
            >
              Choose all that match, not only those loaded
            </Button>
          )}
        </Group>
        <Group gap="xs">
          <Button
            size="xs"
            leftSection={<IconRefresh size={15} />}
            onClick={() => setAction("retry")}
          >
            Try again…
          </Button>
          <Button
            size="xs"
            color="red"
            variant="light"
            leftSection={<IconBan size={15} />}
            onClick={() => setAction("cancel")}
          >
            Cancel…
          </Button>
          <Button size="xs" variant="default" onClick={() => onSelection(NOTHING)}>
            Choose none
          </Button>
        </Group>
      </Group>
      {action && (
        <BulkDialog
          key={action}
          action={action}
          selection={selection}
          rows={rows}
          onClose={(isDone) => {
            setAction(null);
            if (isDone) onSelection(NOTHING);
          }}
        />
      )}
    </Paper>
  );
}

function whole(q: string): string {
  return q ? "All that match the search are chosen" : "All messages are chosen";
}
