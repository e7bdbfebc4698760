// What became of a message, at a glance.

import { Alert, Title } from "@mantine/core";
import { IconCircleCheck, IconCircleX, IconClock, IconHelpCircle } from "@tabler/icons-react";
import { type Ref } from "react";
import type { Fate, Tone } from "./fate";
import classes from "./fate-notice.module.css";

const LOOKS = {
  good: { color: "green", icon: IconCircleCheck },
  waiting: { color: "blue", icon: IconClock },
  doubt: { color: "orange", icon: IconHelpCircle },
  bad: { color: "red", icon: IconCircleX },
} as const satisfies Record<Tone, unknown>;

interface Props {
  fate: Fate;
  /** To give the heading the keyboard. */
  heading?: Ref<HTMLHeadingElement>;
}

export function FateNotice({ fate, heading }: Props) {
  const { color, icon: Picture } = LOOKS[fate.tone];
  return (
    <Alert
      color={color}
      icon={<Picture />}
      title={
        <Title order={2} size="h4" ref={heading} tabIndex={-1} className={classes.heading}>
          {fate.title}
        </Title>
      }
      role="status"
    >
      {fate.detail}
    </Alert>
  );
}
