// The list of keys: what each may do, and whether anybody still uses it.

import { ActionIcon, Badge, Group, Menu, Table, Text, VisuallyHidden } from "@mantine/core";
import { IconDots, IconMail, IconRefresh, IconTrash } from "@tabler/icons-react";
import { createLink } from "@tanstack/react-router";
import { WordBadge } from "../../parts/state-badge";
import { useNow, When } from "../../parts/when";
import { inOrder, type Key, STATE_WORDS, stateOf } from "./key";
import classes from "./keys.module.css";

const MenuLink = createLink(Menu.Item<"a">);

interface Props {
  keys: readonly Key[];
  ownId: string | undefined;
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

export function KeyTable({ keys, ownId, onRotate, onRevoke }: Props) {
  const now = useNow();
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table verticalSpacing="sm" aria-label="API keys">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Key</Table.Th>
            <Table.Th>May</Table.Th>
            <Table.Th>Limits</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>Expires</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>
              <VisuallyHidden>Actions</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {inOrder(keys, now).map((key) => {
            const state = stateOf(key, now);
            return (
              <Table.Tr key={key.id} className={classes.row} data-state={state}>
                <Table.Td className={classes.name}>
                  <Name of={key} isOwn={key.id === ownId} />
                </Table.Td>
                <Table.Td>
                  <Scopes of={key} />
                </Table.Td>
                <Table.Td className={classes.limits}>
                  <Limits of={key} />
                </Table.Td>
                <Table.Td className={classes.time}>
                  <When at={key.last_used_at} none="never" />
                </Table.Td>
                <Table.Td className={classes.time}>
                  <When at={key.expires_at} none="never" />
                </Table.Td>
                <Table.Td className={classes.state}>
                  <WordBadge word={STATE_WORDS[state]} />
                </Table.Td>
                <Table.Td>
                  <Actions
                    of={key}
                    isGood={state === "good"}
                    isRevoked={state === "revoked"}
                    onRotate={onRotate}
                    onRevoke={onRevoke}
                  />
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Name({ of, isOwn }: { of: Key; isOwn: boolean }) {
  return (
    <>
      <Group gap={6}>
        <Text size="sm" fw={600}>
          {of.name}
        </Text>
        {of.mode === "test" && (
          <Badge size="sm" color="grape" variant="light" radius="sm" tt="none">
            test
          </Badge>
        )}
        {isOwn && (
          <Badge size="sm" color="indigo" variant="light" radius="sm" tt="none">
            yours
          </Badge>
        )}
      </Group>
      <Text size="xs" c="dimmed" ff="monospace" className={classes.id}>
        {of.id}
      </Text>
    </>
  );
}

function Scopes({ of }: { of: Key }) {
  return (
    <Group gap={4}>
      {of.scopes.map((scope) => (
        <Badge key={scope} size="sm" color="gray" variant="light" radius="sm" tt="none">
          {scope}
        </Badge>
      ))}
    </Group>
  );
}

function Limits({ of }: { of: Key }) {
  const { sender_domains: domains, networks } = of;
  if (domains.length === 0 && networks.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        none
      </Text>
    );
  }
  return (
    <Text size="sm" component="div">
      {domains.length > 0 && <div>as {domains.join(", ")}</div>}
      {networks.length > 0 && <div>from {networks.join(", ")}</div>}
    </Text>
  );
}

interface ActionProps extends Pick<Props, "onRotate" | "onRevoke"> {
  of: Key;
  isGood: boolean;
  isRevoked: boolean;
}

function Actions({ of, isGood, isRevoked, onRotate, onRevoke }: ActionProps) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Actions for the key ${of.name}`}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <MenuLink
          to="/messages"
          search={{ q: `key:${of.id}` }}
          leftSection={<IconMail size={16} aria-hidden />}
        >
          Its messages
        </MenuLink>
        {isGood && (
          <Menu.Item
            leftSection={<IconRefresh size={16} aria-hidden />}
            onClick={() => onRotate(of)}
          >
            Rotate…
          </Menu.Item>
        )}
        {!isRevoked && (
          <Menu.Item
            color="red"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() => onRevoke(of)}
          >
            Revoke…
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
