// What became of a message so far: which providers were asked in which order, and what they said.

import { Text } from "@mantine/core";
import type { Attempt } from "../api/types";
import { duration } from "./format";
import { OutcomeBadge } from "./state-badge";
import classes from "./what-happened.module.css";

export function WhatHappened({ attempts }: { attempts: readonly Attempt[] }) {
  return (
    <ol className={classes.steps} aria-label="Attempts">
      {attempts.map((attempt) => (
        <li key={attempt.number}>
          <Text span fw={600}>
            {attempt.provider}
          </Text>
          <OutcomeBadge outcome={attempt.outcome} />
          <Text span size="sm" c="dimmed" className={classes.said}>
            {saidBy(attempt)}
          </Text>
        </li>
      ))}
    </ol>
  );
}

function saidBy({ code, enhanced_code, detail, duration_ms, outcome }: Attempt): string {
  // SMTP servers repeat the enhanced code at the head of their text (RFC 2034, section 4).
  const enhanced = enhanced_code && !detail.startsWith(enhanced_code) ? enhanced_code : "";
  const said = [code, enhanced, detail].filter(Boolean).join(" ");
  return outcome === "skipped" ? said : [said, duration(duration_ms)].filter(Boolean).join(" · ");
}
