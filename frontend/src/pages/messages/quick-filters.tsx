// The searches that are made most, one click each.

import { Badge, Button, Group, Tooltip } from "@mantine/core";
import { shortCount } from "../../parts/format";
import { useWaiting } from "./queries";
import { statusesOf } from "./search-line";

interface Quick {
  label: string;
  statuses: readonly string[];
  meaning: string;
}

const QUICK: readonly Quick[] = [
  {
    label: "All",
    statuses: [],
    meaning: "Every message, whatever became of it.",
  },
  {
    label: "Waiting",
    statuses: ["queued", "scheduled", "held", "sending"],
    meaning: "Stored safely, and still to be handed over: queued, scheduled, held, sending.",
  },
  {
    label: "Unknown",
    statuses: ["unknown"],
    meaning: "Nobody knows whether a provider took it. These may need you.",
  },
  {
    label: "Sent",
    statuses: ["sent"],
    meaning: "A provider took responsibility.",
  },
  {
    label: "Failed",
    statuses: ["failed", "expired"],
    meaning: "Refused for good, or nobody took it in time. They can be tried again.",
  },
  {
    label: "Stopped",
    statuses: ["cancelled", "suppressed"],
    meaning: "Not sent on purpose: cancelled, or every recipient is on the suppression list.",
  },
];

interface Props {
  q: string;
  onChoice: (statuses: string | null) => void;
}

export function QuickFilters({ q, onChoice }: Props) {
  const asked = statusesOf(q).toSorted().join();
  const waiting = useWaiting().data;
  const counts: Record<string, number | undefined> = {
    Unknown: waiting?.unknown,
  };
  return (
    <Group gap={6} role="group" aria-label="By status">
      {QUICK.map(({ label, statuses, meaning }) => {
        const isOn = asked === statuses.toSorted().join();
        const number = counts[label] ?? 0;
        return (
          <Tooltip key={label} label={meaning} multiline maw={280} withArrow openDelay={300}>
            <Button
              size="compact-sm"
              radius="xl"
              fw={500}
              variant={isOn ? "filled" : "default"}
              aria-pressed={isOn}
              onClick={() => onChoice(statuses.join(",") || null)}
              rightSection={
                number > 0 ? (
                  <Badge
                    size="xs"
                    color="orange"
                    variant={isOn ? "white" : "light"}
                    circle={number < 10}
                  >
                    {shortCount(number)}
                  </Badge>
                ) : undefined
              }
            >
              {label}
            </Button>
          </Tooltip>
        );
      })}
    </Group>
  );
}
