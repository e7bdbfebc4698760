// Where a message would go, from `POST /v1/explain`: who takes it, who stands behind, who not and
// why.

import { Alert, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconBan, IconCircleCheck } from "@tabler/icons-react";
import type { Explanation } from "../api/types";
import classes from "./explanation.module.css";
import {
  type ExplainedProvider,
  type Standing,
  standingOf,
  type Verdict,
  verdictOf,
} from "./explanation-words";
import { WordBadge } from "./state-badge";
import type { Word } from "./words";

const LOOKS = {
  good: { color: "green", icon: IconCircleCheck },
  warning: { color: "orange", icon: IconAlertTriangle },
  bad: { color: "red", icon: IconBan },
} as const satisfies Record<Verdict["tone"], unknown>;

const STANDINGS: Record<Standing, Word> = {
  first: { label: "Asked first", meaning: "", color: "green" },
  backup: { label: "Stands ready", meaning: "Asked when those before it fail.", color: "blue" },
  blocked: { label: "Not asked now", meaning: "Paused, resting or at its limit.", color: "yellow" },
  unable: { label: "Cannot take it", meaning: "It could never take this mail.", color: "gray" },
};

export function ExplanationView({ explanation }: { explanation: Explanation }) {
  const { title, detail, tone } = verdictOf(explanation);
  const { color, icon: Picture } = LOOKS[tone];
  const first = explanation.providers.find((it) => it.would_be_asked)?.provider;
  return (
    <>
      <Alert color={color} icon={<Picture />} title={title}>
        {detail}
      </Alert>
      <ol className={classes.order} aria-label={`Providers of the route ${explanation.route}`}>
        {explanation.providers.map((provider) => (
          <Place
            key={provider.provider}
            provider={provider}
            standing={standingOf(provider, first)}
          />
        ))}
      </ol>
    </>
  );
}

function Place({ provider, standing }: { provider: ExplainedProvider; standing: Standing }) {
  const why = provider.cannot_express ?? provider.blocked;
  return (
    <li className={classes.place} data-standing={standing}>
      <span className={classes.number} aria-hidden>
        {provider.position}
      </span>
      <div className={classes.what}>
        <Group gap="xs" justify="space-between">
          <Text fw={600}>
            {provider.provider}{" "}
            {provider.kind !== provider.provider && (
              <Text span c="dimmed" size="sm" fw={400}>
                {provider.kind}
              </Text>
            )}
          </Text>
          <WordBadge word={STANDINGS[standing]} />
        </Group>
        {why && (
          <Text size="sm" c="dimmed" className={classes.why}>
            {why}
          </Text>
        )}
      </div>
    </li>
  );
}
