import { SimpleGrid } from "@mantine/core";
import type { System } from "../../api/types";
import { Fact } from "../../parts/fact";
import { Panel } from "../../parts/panel";
import { When } from "../../parts/when";
import { STORE_WORDS } from "./words";

export function Process({ system }: { system: System }) {
  const { version, node, started_at, store } = system;
  return (
    <Panel title="This process">
      <SimpleGrid component="dl" cols={{ base: 1, xs: 2 }} spacing="sm" m={0}>
        <Fact label="Version">{version}</Fact>
        <Fact label="Machine">{node}</Fact>
        <Fact label="Up since">
          <When at={started_at} />
        </Fact>
        <Fact label="Store">
          {STORE_WORDS[store.kind] ?? store.kind}
          {store.healthy ? ", takes writes" : ", takes no writes"}
        </Fact>
      </SimpleGrid>
    </Panel>
  );
}
