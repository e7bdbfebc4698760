// One imitated provider: what is wrong with it, and the switches to break and mend it.

import { Badge, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconHeartBroken, IconTool } from "@tabler/icons-react";
import type { Provider } from "../../api/types";
import { Allowed } from "../../parts/allowed";
import { ProviderBadge } from "../../parts/state-badge";
import { BreakForm } from "./break-form";
import { type Account, armedInWords, labelOf } from "./faults";
import { useMend } from "./queries";
import classes from "./sandbox.module.css";

interface Props {
  account: Account;
  /** Its place in the default route, from 1; 0: it has none. */
  place: number;
  standing: Provider | undefined;
}

const PLACES = ["Not in the default route", "Asked first", "Asked second", "Asked third"];

export function AccountCard({ account, place, standing }: Props) {
  const isBroken = account.faults.length > 0;
  return (
    <Paper
      component="section"
      withBorder
      radius="md"
      p="md"
      className={classes.account}
      data-broken={isBroken || undefined}
      aria-label={account.name}
    >
      <Stack gap="sm" h="100%">
        <Group justify="space-between" gap="xs" align="flex-start">
          <div>
            <Title order={3} size="h5">
              {account.name}
            </Title>
            <Text size="xs" c="dimmed">
              {account.kind} · {PLACES[place] ?? `Asked as number ${place}`}
            </Text>
          </div>
          {isBroken ? (
            <Badge color="red.9" variant="filled" radius="sm" tt="none" className={classes.broken}>
              Broken
            </Badge>
          ) : (
            standing && <ProviderBadge state={standing.state} />
          )}
        </Group>
        {isBroken ? <Broken account={account} /> : <Whole account={account} standing={standing} />}
      </Stack>
    </Paper>
  );
}

function Broken({ account }: { account: Account }) {
  const mend = useMend();
  return (
    <>
      {account.faults.map((fault, at) => (
        <div key={`${at} ${labelOf(fault)}`}>
          <Group gap={6}>
            <IconHeartBroken size={18} className={classes.sign} aria-hidden />
            <Text fw={600}>{labelOf(fault)}</Text>
          </Group>
          <Text size="sm">{armedInWords(fault)}</Text>
        </div>
      ))}
      <Allowed scope="manage">
        <Button
          mt="auto"
          color="green"
          loading={mend.isPending}
          leftSection={<IconTool size={16} aria-hidden />}
          onClick={() => mend.mutate([account.name])}
        >
          Mend {account.name}
        </Button>
      </Allowed>
    </>
  );
}

function Whole({ account, standing }: Pick<Props, "account" | "standing">) {
  const isResting = standing?.state === "down" || standing?.state === "degraded";
  return (
    <>
      {isResting && (
        <Text size="sm">
          It works again, but the gateway still rests it after its failures
          {standing.breaker.reason ? ` (${standing.breaker.reason})` : ""}; a probe follows.
        </Text>
      )}
      <Allowed scope="manage">
        <BreakForm account={account} />
      </Allowed>
    </>
  );
}
