// Which providers are asked in which order, and a box to try it with a mail that is never sent.

import { SimpleGrid, Stack } from "@mantine/core";
import { IconRoute } from "@tabler/icons-react";
import { Allowed, PageAllowed } from "../../parts/allowed";
import { Empty } from "../../parts/empty";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { useProviders, useRoutes } from "../../parts/queries";
import { RouteCard } from "./route-card";
import { TestBox } from "./test-box";

export function RoutesPage() {
  return (
    <>
      <PageHeader
        title="Routes"
        description="A route names providers in the order in which they are asked. When one fails by its own fault, the next is asked."
      />
      <PageAllowed scope="read">
        <Stack gap="lg">
          <Routes />
          <Allowed scope="send">
            <TestBox />
          </Allowed>
        </Stack>
      </PageAllowed>
    </>
  );
}

function Routes() {
  const routes = useRoutes();
  const providers = useProviders();
  return (
    <Loaded
      query={routes}
      isEmpty={(all) => all.length === 0}
      empty={
        <Empty icon={IconRoute} title="No route is configured">
          Name one under <code>[routes.default]</code> in the configuration.
        </Empty>
      }
    >
      {(all) => (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
          {all.map((route) => (
            <RouteCard key={route.name} route={route} providers={providers.data ?? []} />
          ))}
        </SimpleGrid>
      )}
    </Loaded>
  );
}
