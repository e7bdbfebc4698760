// Each provider in a few figures; the rest is on its own page.

import { Group, Paper, SimpleGrid, Stack } from "@mantine/core";
import type { Provider, Stats } from "../../api/types";
import { Fact } from "../../parts/fact";
import { duration, percent } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { QuotaBars } from "../../parts/quota-bars";
import { ProviderBadge } from "../../parts/state-badge";
import classes from "./overview.module.css";

interface Props {
  providers: readonly Provider[];
  /** Of the chosen period. */
  calls: Stats["providers"];
}

export function ProviderGlance({ providers, calls }: Props) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="sm">
      {providers.map((provider) => (
        <Glance
          key={provider.name}
          provider={provider}
          calls={calls.find((each) => each.provider === provider.name)}
        />
      ))}
    </SimpleGrid>
  );
}

interface GlanceProps {
  provider: Provider;
  calls: Stats["providers"][number] | undefined;
}

function Glance({ provider: { name, state, quota }, calls }: GlanceProps) {
  return (
    <Paper withBorder p="sm">
      <Stack gap="xs">
        <Group justify="space-between" gap="xs" wrap="nowrap">
          <TextLink to="/providers" hash={name} fw={600} truncate>
            {name}
          </TextLink>
          <ProviderBadge state={state} />
        </Group>
        <dl className={classes.facts}>
          <Fact label="Accepted">{percent(calls?.accepted_share ?? null)}</Fact>
          <Fact label="Median">{duration(calls?.p50_ms ?? null)}</Fact>
          <Fact label="99% within">{duration(calls?.p99_ms ?? null)}</Fact>
        </dl>
        <QuotaBars name={name} quota={quota} />
      </Stack>
    </Paper>
  );
}
