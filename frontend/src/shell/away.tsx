// One banner above every page while the gateway is away: what is on the screen may be old.

import { Alert } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { isAway, Unreachable } from "../api/problem";

export function AwayBanner() {
  const error = useAway();
  if (!error) return null;
  const isSilent = error instanceof Unreachable;
  return (
    <Alert
      color="orange"
      icon={<IconCloudOff />}
      mb="md"
      role="status"
      title={isSilent ? "The gateway cannot be reached" : "The gateway cannot answer now"}
    >
      {isSilent ? "No answer comes." : (error as Error).message} What you see may be old. This page
      asks again every few seconds and comes back by itself.
    </Alert>
  );
}

/** The error of a query on the screen that says that the gateway is away, else null. */
function useAway(): unknown {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore(
    (listener) => cache.subscribe(listener),
    () =>
      cache.getAll().find((query) => query.isActive() && isAway(query.state.error))?.state.error ??
      null,
  );
}
