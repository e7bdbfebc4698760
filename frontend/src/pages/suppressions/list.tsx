// The entries: who gets no mail, why, who said so, and for how long.

import { ActionIcon, Button, Group, Table, Text, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useMay } from "../../api/session";
import { TextLink } from "../../parts/links";
import { WordBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { wordFor } from "../../parts/words";
import { originOf, REASON_WORDS, type Suppression } from "./suppression";
import classes from "./suppressions.module.css";

interface Props {
  entries: readonly Suppression[];
  onRemove: (entry: Suppression) => void;
  onMore: (() => void) | null;
  isLoadingMore: boolean;
}

export function SuppressionList({ entries, onRemove, onMore, isLoadingMore }: Props) {
  const mayManage = useMay("manage");
  return (
    <>
      <Table.ScrollContainer minWidth={720}>
        <Table verticalSpacing="xs" aria-label="Suppressed addresses">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Address</Table.Th>
              <Table.Th>Reason</Table.Th>
              <Table.Th>Origin</Table.Th>
              <Table.Th>Since</Table.Th>
              <Table.Th>Until</Table.Th>
              {mayManage && (
                <Table.Th>
                  <VisuallyHidden>Actions</VisuallyHidden>
                </Table.Th>
              )}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {entries.map((entry) => (
              <Table.Tr key={entry.address}>
                <Table.Td className={classes.address}>
                  <TextLink to="/messages" search={{ q: `to:${entry.address}` }} size="sm">
                    {entry.address}
                  </TextLink>
                  {entry.note && (
                    <Text size="xs" c="dimmed">
                      {entry.note}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td className={classes.tight}>
                  <WordBadge word={wordFor(REASON_WORDS, entry.reason)} />
                </Table.Td>
                <Table.Td>
                  <OriginLink of={entry.origin} />
                </Table.Td>
                <Table.Td className={classes.tight}>
                  <When at={entry.created_at} />
                </Table.Td>
                <Table.Td className={classes.tight}>
                  <When at={entry.expires_at} none="for good" />
                </Table.Td>
                {mayManage && (
                  <Table.Td className={classes.tight}>
                    <Tooltip label="Let it have mail again" withArrow>
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        onClick={() => onRemove(entry)}
                        aria-label={`Remove ${entry.address}`}
                      >
                        <IconTrash size={16} />
                      </ActionIcon>
                    </Tooltip>
                  </Table.Td>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {onMore && (
        <Group>
          <Button variant="default" size="xs" onClick={onMore} loading={isLoadingMore}>
            Show more
          </Button>
        </Group>
      )}
    </>
  );
}

function OriginLink({ of }: { of: string }) {
  const origin = originOf(of);
  switch (origin.kind) {
    case "provider":
      return (
        <Text size="sm">
          said by{" "}
          <TextLink to="/providers" inherit>
            {origin.name}
          </TextLink>
        </Text>
      );
    case "message":
      return (
        <TextLink to="/messages/$id" params={{ id: origin.id }} size="sm">
          from a message
        </TextLink>
      );
    case "key":
      return <Text size="sm">added over the API</Text>;
    case "import":
      return <Text size="sm">imported</Text>;
    case "other":
      return <Text size="sm">{origin.text}</Text>;
  }
}
