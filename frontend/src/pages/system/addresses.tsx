import { Anchor, Group, List, Stack, Text } from "@mantine/core";
import { addressOf, apiOrigin } from "../../api/client";
import { Copy } from "../../parts/copy";
import { Panel } from "../../parts/panel";

export function Addresses({ hasPublicMetrics }: { hasPublicMetrics: boolean }) {
  const origin = apiOrigin();
  return (
    <Panel title="The API">
      <Stack gap="sm">
        <Group gap="xs" justify="space-between">
          <Text ff="monospace" size="sm" style={{ overflowWrap: "anywhere" }}>
            {origin}
          </Text>
          <Copy value={origin} label="Copy address" />
        </Group>
        <List listStyleType="none" spacing="xs" size="sm">
          <Place path="/docs" what="Reference, to read and to try" />
          <Place path="/openapi.json" what="OpenAPI document, to make clients of" />
          <Place
            path="/metrics"
            what={`Figures for Prometheus${hasPublicMetrics ? "" : "; needs a key with the scope read"}`}
          />
        </List>
      </Stack>
    </Panel>
  );
}

function Place({ path, what }: { path: string; what: string }) {
  return (
    <List.Item>
      <Anchor href={addressOf(path)} target="_blank" rel="noreferrer" size="sm" underline="always">
        {path}
      </Anchor>{" "}
      <Text span c="dimmed" size="sm">
        {what}
      </Text>
    </List.Item>
  );
}
