// The gateway itself: whether it takes mail, what waits, and where its API is.

import { SimpleGrid, Stack } from "@mantine/core";
import { PageAllowed } from "../../parts/allowed";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { useStats } from "../../parts/queries";
import { useSystem } from "../../shell/system";
import { Addresses } from "./addresses";
import { Features } from "./features";
import { Health } from "./health";
import { Process } from "./process";
import { QueueTable } from "./queue-table";

export function SystemPage() {
  return (
    <>
      <PageHeader title="System" description="The gateway that answers this page." />
      <PageAllowed scope="read">
        <Shown />
      </PageAllowed>
    </>
  );
}

function Shown() {
  const system = useSystem();
  // The queue moves with each mail, and the system is asked every few seconds only.
  const stats = useStats("1h");
  return (
    <Loaded query={system}>
      {(said) => (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
          <Stack gap="md">
            <Health system={said} />
            <Process system={said} />
            <Features features={said.features} />
          </Stack>
          <Stack gap="md">
            <QueueTable queue={stats.data?.queue ?? said.queue} />
            <Addresses hasPublicMetrics={said.features.includes("public_metrics")} />
          </Stack>
        </SimpleGrid>
      )}
    </Loaded>
  );
}
