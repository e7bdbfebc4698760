import { List, Text } from "@mantine/core";
import { Panel } from "../../parts/panel";
import { featureWords } from "./words";

export function Features({ features }: { features: readonly string[] }) {
  return (
    <Panel title="Switched on">
      {features.length === 0 ? (
        <Text size="sm" c="dimmed">
          Nothing beyond the usual.
        </Text>
      ) : (
        <List listStyleType="none" spacing="xs">
          {features.map(featureWords).map(({ label, meaning }) => (
            <List.Item key={label}>
              <Text fw={600} size="sm">
                {label}
              </Text>
              <Text size="sm" c="dimmed">
                {meaning}
              </Text>
            </List.Item>
          ))}
        </List>
      )}
    </Panel>
  );
}
