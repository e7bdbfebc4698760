// The accounts that mail goes through: how each does, and what can be done about it.

import { Stack } from "@mantine/core";
import { IconFlask, IconServer2 } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMay } from "../../api/session";
import type { Period } from "../../api/types";
import { PageAllowed } from "../../parts/allowed";
import { detoursIn } from "../../parts/detours";
import { Empty } from "../../parts/empty";
import { ButtonLink } from "../../parts/links";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { USUAL_PERIOD } from "../../parts/period";
import { PeriodSwitch } from "../../parts/period-switch";
import { usedFirst } from "../../parts/provider-names";
import { useNewestMessages, useProviders, useStats } from "../../parts/queries";
import { useHasSandbox } from "../../shell/system";
import { ProviderCard } from "./provider-card";
import { Verification } from "./verification";

export function ProvidersPage() {
  const { period = USUAL_PERIOD } = useSearch({ from: "/providers" });
  const navigate = useNavigate();
  const choose = (next: Period) => void navigate({ to: "/providers", search: { period: next } });
  return (
    <>
      <PageHeader
        title="Providers"
        description="Who takes the mail. One that keeps failing is left out by itself and probed until it works."
        actions={
          <>
            <BreakOne />
            <PeriodSwitch value={period} onChange={choose} />
          </>
        }
      />
      <PageAllowed scope="read">
        <Stack gap="md">
          <Cards period={period} />
          <Verification />
        </Stack>
      </PageAllowed>
    </>
  );
}

/** Where the providers are imitations, one can be broken to see what happens. */
function BreakOne() {
  const hasSandbox = useHasSandbox();
  const mayOpen = useMay("content");
  if (!hasSandbox || !mayOpen) return null;
  return (
    <ButtonLink to="/sandbox" variant="default" leftSection={<IconFlask size={16} aria-hidden />}>
      Break one
    </ButtonLink>
  );
}

function Cards({ period }: { period: Period }) {
  const providers = useProviders();
  const stats = useStats(period);
  const newest = useNewestMessages();
  const detours = detoursIn(newest.data ?? []);
  return (
    <Loaded
      query={providers}
      isEmpty={(all) => all.length === 0}
      empty={
        <Empty icon={IconServer2} title="No provider is configured">
          Name at least one under <code>[providers.…]</code> in the configuration.
        </Empty>
      }
    >
      {(all) =>
        usedFirst(all).map((provider) => (
          <ProviderCard
            key={provider.name}
            provider={provider}
            all={all}
            stats={stats.data}
            period={period}
            detours={detours.filter(({ from }) => from === provider.name)}
            among={newest.data?.length ?? 0}
          />
        ))
      }
    </Loaded>
  );
}
