// Why a provider is not asked, and when it will be.

import { Alert, Text } from "@mantine/core";
import { IconActivityHeartbeat, IconCircleOff, IconPlayerPause } from "@tabler/icons-react";
import { useSession } from "../../api/session";
import type { Provider } from "../../api/types";
import { count } from "../../parts/format";
import { When } from "../../parts/when";

export function Trouble({ provider }: { provider: Provider }) {
  const { pause, state, breaker } = provider;
  return (
    <>
      {pause && <Paused pause={pause} />}
      {breaker.state !== "closed" && <Open breaker={breaker} isDown={breaker.state === "open"} />}
      {state === "up" && breaker.recent_failures > 0 && (
        <Text size="sm" c="dimmed">
          {count(breaker.recent_failures)} of the last {count(breaker.recent_calls)} calls failed by
          its own fault. It is left out when half of them do.
        </Text>
      )}
      {Object.entries(breaker.blocked_senders).map(([domain, reason]) => (
        <Alert key={domain} color="orange" title={`Not asked for mail from ${domain}`}>
          {reason}
        </Alert>
      ))}
    </>
  );
}

function Paused({ pause }: { pause: NonNullable<Provider["pause"]> }) {
  const { identity } = useSession();
  const by = pause.by === identity?.id ? "your key" : pause.by;
  return (
    <Alert
      color="gray"
      icon={<IconPlayerPause />}
      title={`Paused: ${pause.reason || "no reason given"}`}
    >
      By {by}, <When at={pause.at} />. Nobody asks it until it is resumed.
    </Alert>
  );
}

function Open({ breaker, isDown }: { breaker: Provider["breaker"]; isDown: boolean }) {
  return (
    <Alert
      color={isDown ? "red" : "orange"}
      icon={isDown ? <IconCircleOff /> : <IconActivityHeartbeat />}
      title={`${isDown ? "Out of service" : "Being probed"}: ${breaker.reason ?? "it failed too often"}`}
    >
      Left out since <When at={breaker.opened_at} />.{" "}
      {isDown ? (
        <>
          One mail is tried as a probe: <When at={breaker.probe_at} />
        </>
      ) : (
        "The next mail is tried as a probe; if it is taken, all is well again."
      )}
    </Alert>
  );
}
