// One provider: state and what to do about it on top, figures and chart, then the details.

import {
  Accordion,
  Badge,
  Group,
  Paper,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { Period, Provider, Stats } from "../../api/types";
import type { Detour } from "../../parts/detours";
import { PERIOD_WORDS } from "../../parts/period";
import { QuotaBars } from "../../parts/quota-bars";
import { ProviderBadge } from "../../parts/state-badge";
import { TimeChart } from "../../parts/time-chart";
import { Abilities } from "./abilities";
import { Actions } from "./actions";
import { Figures } from "./figures";
import { History } from "./history";
import { CALL_LINES, callSteps } from "./series";
import { Trouble } from "./trouble";

interface Props {
  provider: Provider;
  all: readonly Provider[];
  stats: Stats | undefined;
  period: Period;
  /** Mails that it should have taken and did not. */
  detours: readonly Detour[];
  among: number;
}

export function ProviderCard({ provider, all, stats, period, detours, among }: Props) {
  const { name, kind, state, quota, routes, sender } = provider;
  const place = useScrolledTo(name);
  return (
    <Paper
      component="section"
      withBorder
      p="md"
      id={name}
      ref={place}
      aria-label={name}
      style={{ scrollMarginTop: 72 }}
    >
      <Stack gap="md">
        <Group justify="space-between" gap="sm">
          <Group gap="sm">
            <Title order={2} size="h4">
              {name}
            </Title>
            {kind !== name && (
              <Text c="dimmed" size="sm">
                {kind}
              </Text>
            )}
            <ProviderBadge state={state} />
          </Group>
          <Actions provider={provider} all={all} />
        </Group>
        <Trouble provider={provider} />
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Stack gap="md">
            <Figures provider={provider} stats={stats} period={period} />
            <QuotaBars name={name} quota={quota} />
            <Group gap={6}>
              <Text size="sm" c="dimmed">
                {onRoutes(routes.length)}
              </Text>
              {routes.map((route) => (
                <Badge key={route} variant="default" radius="sm" tt="none">
                  {route}
                </Badge>
              ))}
            </Group>
            {kind === "sandbox" && (
              <Text size="sm" c="dimmed">
                Built in. It takes the mail of test keys and sends it nowhere.
              </Text>
            )}
            {sender && (
              <Text size="sm">
                Its account may only send as <b>{sender}</b>; mails get this address.
              </Text>
            )}
          </Stack>
          {stats ? (
            <TimeChart
              lines={CALL_LINES}
              steps={callSteps(stats, name)}
              unit="Calls"
              empty={`No calls in the last ${PERIOD_WORDS[period]}.`}
              height={180}
            />
          ) : (
            <Skeleton h={180} />
          )}
        </SimpleGrid>
      </Stack>
      <Accordion multiple chevronPosition="left" mt="sm" variant="default" order={3}>
        <Accordion.Item value="history">
          <Accordion.Control>Failover history</Accordion.Control>
          <Accordion.Panel>
            <History provider={provider} detours={detours} among={among} />
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="abilities" style={{ borderBottom: 0 }}>
          <Accordion.Control>What it can do</Accordion.Control>
          <Accordion.Panel>
            <Abilities provider={provider} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Paper>
  );
}

function onRoutes(number: number): string {
  if (number === 0) return "On no route: nothing is sent through it.";
  return number === 1 ? "On the route" : "On the routes";
}

/** The cards come after the page does, so the browser alone would not find the place in a link. */
function useScrolledTo(name: string) {
  const place = useRef<HTMLElement>(null);
  const isMeant = useRouterState({ select: ({ location }) => location.hash === name });
  useEffect(() => {
    if (isMeant) place.current?.scrollIntoView({ block: "start" });
  }, [isMeant]);
  return place;
}
