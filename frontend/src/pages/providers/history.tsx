// When a provider went and came back and why, and where its mail went meanwhile.

import { Stack, Text, Timeline } from "@mantine/core";
import type { Provider } from "../../api/types";
import { changeOf } from "../../parts/changes";
import type { Detour } from "../../parts/detours";
import { count } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { When } from "../../parts/when";

interface Props {
  provider: Provider;
  detours: readonly Detour[];
  among: number;
}

export function History({ provider: { changes, name }, detours, among }: Props) {
  if (changes.length === 0 && detours.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        It did not go out of service lately, and none of the newest {count(among)} messages went
        elsewhere.
      </Text>
    );
  }
  return (
    <Stack gap="md">
      {detours.map((detour) => (
        <DetourLine key={detour.to ?? ""} detour={detour} among={among} />
      ))}
      <Timeline
        active={changes.length}
        bulletSize={14}
        lineWidth={2}
        aria-label={`Changes of ${name}`}
      >
        {changes.map(changeOf).map(({ id, isLoss, reason, at }) => (
          <Timeline.Item
            key={id}
            color={isLoss ? "red" : "green"}
            title={isLoss ? "Went out of service" : "Came back"}
          >
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>
              {reason}
            </Text>
            <Text size="xs" c="dimmed">
              <When at={at} />
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Stack>
  );
}

function DetourLine({
  detour: { to, at, why, messages },
  among,
}: {
  detour: Detour;
  among: number;
}) {
  const [newest] = messages;
  return (
    <Text size="sm" style={{ overflowWrap: "anywhere" }}>
      {count(messages.length)} of the newest {count(among)} messages{" "}
      {to ? (
        <>
          went to <b>{to}</b> instead
        </>
      ) : (
        "wait for a provider"
      )}
      , last <When at={at} />: {why}{" "}
      {newest && (
        <TextLink to="/messages/$id" params={{ id: newest }} size="sm" underline="always">
          See the newest
        </TextLink>
      )}
    </Text>
  );
}
