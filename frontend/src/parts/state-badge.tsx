// States as coloured words. The word carries the meaning; the colour only helps.

import { Badge, Tooltip } from "@mantine/core";
import type { MessageStatus, Outcome, ProviderState, RecipientStatus } from "../api/types";
import {
  MESSAGE_WORDS,
  OUTCOME_WORDS,
  PROVIDER_WORDS,
  RECIPIENT_WORDS,
  type Word,
  wordFor,
} from "./words";

export const MessageBadge = ({ status }: { status: MessageStatus }) => (
  <WordBadge word={wordFor(MESSAGE_WORDS, status)} />
);

export const RecipientBadge = ({ status }: { status: RecipientStatus }) => (
  <WordBadge word={wordFor(RECIPIENT_WORDS, status)} />
);

export const ProviderBadge = ({ state }: { state: ProviderState }) => (
  <WordBadge word={wordFor(PROVIDER_WORDS, state)} />
);

export const OutcomeBadge = ({ outcome }: { outcome: Outcome }) => (
  <WordBadge word={wordFor(OUTCOME_WORDS, outcome)} />
);

export function WordBadge({ word }: { word: Word }) {
  return (
    <Tooltip label={word.meaning} disabled={!word.meaning} multiline maw={280} withArrow>
      <Badge color={word.color} variant="light" radius="sm" tt="none" fw={600} miw="max-content">
        {word.label}
      </Badge>
    </Tooltip>
  );
}
