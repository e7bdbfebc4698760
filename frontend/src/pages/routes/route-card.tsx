import { Group, Text } from "@mantine/core";
import type { Provider, Route } from "../../api/types";
import { TextLink } from "../../parts/links";
import { Panel } from "../../parts/panel";
import { ProviderBadge } from "../../parts/state-badge";
import classes from "./routes.module.css";

interface Props {
  route: Route;
  providers: readonly Provider[];
}

export function RouteCard({ route, providers }: Props) {
  return (
    <Panel title={route.name}>
      <Text size="sm" c="dimmed">
        {PURPOSES[route.name] ?? "For mail that names it."}
      </Text>
      <ol className={classes.order} aria-label={`Order of the route ${route.name}`}>
        {route.providers.map((name) => {
          const provider = providers.find((each) => each.name === name);
          return (
            <li key={name}>
              <Group gap="xs" wrap="nowrap">
                <TextLink to="/providers" hash={name} fw={600} truncate>
                  {name}
                </TextLink>
                {provider && <ProviderBadge state={provider.state} />}
              </Group>
            </li>
          );
        })}
      </ol>
      <Text size="sm">{DOUBT[route.on_unknown]}</Text>
    </Panel>
  );
}

const PURPOSES: Readonly<Record<string, string>> = {
  default: "For mail that names no other route.",
  test: "For the mail of test keys, whatever it names.",
};

const DOUBT: Record<Route["on_unknown"], string> = {
  wait: "When nobody knows whether a provider took a mail, it waits for evidence: never twice, perhaps late.",
  risk_duplicate:
    "When nobody knows whether a provider took a mail, the next one is asked: never late, perhaps twice.",
};
