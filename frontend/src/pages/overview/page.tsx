// How it goes: what needs a person first, then the figures.

import { Skeleton, Stack } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Period } from "../../api/types";
import { PageAllowed } from "../../parts/allowed";
import { changesOf } from "../../parts/changes";
import { detoursIn } from "../../parts/detours";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { PERIOD_WORDS, USUAL_PERIOD } from "../../parts/period";
import { PeriodSwitch } from "../../parts/period-switch";
import { inUse } from "../../parts/provider-names";
import { useNewestMessages, useProviders, useStats, useWebhooks } from "../../parts/queries";
import { useSystem } from "../../shell/system";
import { needsOf } from "./attention";
import { AttentionList } from "./attention-list";
import { OverviewCharts } from "./charts";
import { FigureTiles } from "./figure-tiles";
import { figuresOf } from "./figures";
import { FirstSend } from "./first-send";
import { ProviderGlance } from "./provider-glance";
import { useHasMail } from "./queries";
import { RecentFailovers } from "./recent-failovers";

export function OverviewPage() {
  const { period = USUAL_PERIOD } = useSearch({ from: "/" });
  const navigate = useNavigate();
  const choose = (next: Period) => void navigate({ to: "/", search: { period: next } });
  const hasMail = useHasMail();
  return (
    <>
      <PageHeader
        title="Overview"
        actions={hasMail.data && <PeriodSwitch value={period} onChange={choose} />}
      />
      <PageAllowed scope="read">
        <Stack gap="lg">
          <Attention period={period} />
          <Loaded query={hasMail}>
            {(isThere) => (isThere ? <Figures period={period} /> : <FirstSend />)}
          </Loaded>
        </Stack>
      </PageAllowed>
    </>
  );
}

function Attention({ period }: { period: Period }) {
  const stats = useStats(period);
  const system = useSystem();
  const providers = useProviders();
  const webhooks = useWebhooks();
  return (
    <Loaded query={system} loading={<Skeleton h={24} maw={420} />}>
      {(said) => (
        <Loaded query={providers} loading={<Skeleton h={24} maw={420} />}>
          {(all) => (
            <AttentionList
              needs={needsOf(said, stats.data?.queue ?? said.queue, all, webhooks.data)}
            />
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

function Figures({ period }: { period: Period }) {
  const stats = useStats(period);
  const providers = useProviders();
  const newest = useNewestMessages();
  const used = inUse(providers.data ?? []);
  return (
    <Loaded query={stats}>
      {(counted) => (
        <Stack gap="lg">
          <FigureTiles figures={figuresOf(counted)} />
          <OverviewCharts
            stats={counted}
            period={period}
            providers={used.map(({ name }) => name)}
          />
          <Panel title={`Providers in the last ${PERIOD_WORDS[period]}`}>
            <Loaded query={providers}>
              {() => <ProviderGlance providers={used} calls={counted.providers} />}
            </Loaded>
          </Panel>
          <Loaded query={newest}>
            {(messages) => (
              <RecentFailovers
                detours={detoursIn(messages)}
                changes={changesOf(providers.data ?? [])}
                among={messages.length}
              />
            )}
          </Loaded>
        </Stack>
      )}
    </Loaded>
  );
}
