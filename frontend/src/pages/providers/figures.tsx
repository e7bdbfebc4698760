import { SimpleGrid } from "@mantine/core";
import type { Period, Provider, Stats } from "../../api/types";
import { Fact } from "../../parts/fact";
import { count, duration, percent } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { since } from "../../parts/period";
import { callsIn, errorShare } from "./series";

interface Props {
  provider: Provider;
  stats: Stats | undefined;
  period: Period;
}

/** Of the chosen period; until that is counted, of the last 24 hours, which come with the list. */
export function Figures({ provider: { name, last_24h, quota }, stats, period }: Props) {
  const counted = stats?.providers.find(({ provider }) => provider === name);
  const calls = stats || period !== "24h" ? (counted ?? NONE) : last_24h;
  return (
    <SimpleGrid component="dl" cols={3} spacing="sm" m={0}>
      <Fact label="Calls">{count(callsIn(calls.outcomes))}</Fact>
      <Fact label="Accepted">
        <Accepted name={name} number={calls.outcomes.accepted ?? 0} from={stats?.since} />
      </Fact>
      <Fact label="Not accepted">{percent(errorShare(calls.outcomes))}</Fact>
      <Fact label="Median answer">{duration(calls.p50_ms)}</Fact>
      <Fact label="99% within">{duration(calls.p99_ms)}</Fact>
      {quota.max_per_second !== null && (
        <Fact label="At most">{`${count(quota.max_per_second)} a second`}</Fact>
      )}
    </SimpleGrid>
  );
}

const NONE = { outcomes: {} as Record<string, number>, p50_ms: null, p99_ms: null };

function Accepted({ name, number, from }: { name: string; number: number; from?: string }) {
  if (number === 0 || !from) return <>{count(number)}</>;
  return (
    <TextLink to="/messages" search={{ q: `provider:${name} ${since(from)}` }} inherit>
      {count(number)}
    </TextLink>
  );
}
