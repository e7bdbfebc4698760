// Mail that took another way than planned, and when providers went and came back.

import { Group, SimpleGrid, Text } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";
import type { Change } from "../../parts/changes";
import type { Detour } from "../../parts/detours";
import { count } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { Panel } from "../../parts/panel";
import { When } from "../../parts/when";
import classes from "./overview.module.css";

const SHOWN = 6;

interface Props {
  detours: readonly Detour[];
  changes: readonly Change[];
  /** How many messages the detours were found among. */
  among: number;
}

export function RecentFailovers({ detours, changes, among }: Props) {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Panel title="Mail that went another way">
        {detours.length === 0 ? (
          <Text size="sm" c="dimmed">
            None of the newest {count(among)} messages needed a backup.
          </Text>
        ) : (
          <ul className={classes.lines}>
            {detours.slice(0, SHOWN).map((detour) => (
              <DetourLine key={`${detour.from} ${detour.to}`} detour={detour} among={among} />
            ))}
          </ul>
        )}
      </Panel>
      <Panel title="Providers that went and came back">
        {changes.length === 0 ? (
          <Text size="sm" c="dimmed">
            No provider went out of service lately.
          </Text>
        ) : (
          <ul className={classes.lines}>
            {changes.slice(0, SHOWN).map((change) => (
              <ChangeLine key={change.id} change={change} />
            ))}
          </ul>
        )}
      </Panel>
    </SimpleGrid>
  );
}

function DetourLine({ detour, among }: { detour: Detour; among: number }) {
  const { from, to, at, why, messages } = detour;
  const [newest] = messages;
  return (
    <li>
      <Group gap={6} justify="space-between">
        <Group gap={6}>
          <Text fw={600} size="sm">
            {from}
          </Text>
          <IconArrowRight size={14} aria-label="to" />
          <Text fw={600} size="sm">
            {to ?? "nobody yet"}
          </Text>
        </Group>
        <Text size="xs" c="dimmed">
          <When at={at} />
        </Text>
      </Group>
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        {why}
      </Text>
      <Text size="xs">
        {count(messages.length)} of the newest {count(among)} messages
        {newest && (
          <>
            {" · "}
            <TextLink to="/messages/$id" params={{ id: newest }} size="xs" underline="always">
              the newest of them
            </TextLink>
          </>
        )}
      </Text>
    </li>
  );
}

function ChangeLine({ change: { provider, isLoss, reason, at } }: { change: Change }) {
  return (
    <li>
      <Group gap={6} justify="space-between">
        <Text size="sm">
          <TextLink to="/providers" hash={provider} size="sm" fw={600}>
            {provider}
          </TextLink>{" "}
          {isLoss ? "went out of service" : "came back"}
        </Text>
        <Text size="xs" c="dimmed">
          <When at={at} />
        </Text>
      </Group>
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        {reason}
      </Text>
    </li>
  );
}
