import { SimpleGrid } from "@mantine/core";
import type { Period, Stats } from "../../api/types";
import { Panel } from "../../parts/panel";
import { PERIOD_WORDS, since, until } from "../../parts/period";
import { TimeChart } from "../../parts/time-chart";
import { OUTCOME_LINES, outcomeSteps, providerLines, providerSteps } from "./series";

interface Props {
  stats: Stats;
  period: Period;
  /** In the order of the configuration. */
  providers: readonly string[];
}

export function OverviewCharts({ stats, period, providers }: Props) {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Panel title="What became of the mail">
        <TimeChart
          lines={OUTCOME_LINES}
          steps={outcomeSteps(stats)}
          unit="Messages, by when they were accepted,"
          empty={`No mail in the last ${PERIOD_WORDS[period]}.`}
          queryFor={({ start, end }) => `${since(start)} ${until(end)}`}
        />
      </Panel>
      <Panel title="Who took it">
        <TimeChart
          lines={providerLines(providers, stats)}
          steps={providerSteps(stats)}
          unit="Mails that each provider took"
          empty={`No provider took mail in the last ${PERIOD_WORDS[period]}.`}
        />
      </Panel>
    </SimpleGrid>
  );
}
