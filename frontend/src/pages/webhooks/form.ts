// What a person fills in for a webhook. Pure.

import type { components } from "../../api/schema";
import type { Webhook } from "../../api/types";

export interface Wish {
  url: string;
  description: string;
  eventTypes: string[];
  tags: string[];
  keyIds: string[];
}

export const FIRST_WISH: Wish = { url: "", description: "", eventTypes: [], tags: [], keyIds: [] };

export function wishOf(webhook: Webhook): Wish {
  return {
    url: webhook.url,
    description: webhook.description,
    eventTypes: webhook.event_types,
    tags: webhook.tags,
    keyIds: webhook.key_ids,
  };
}

export function requestOf(wish: Wish): components["schemas"]["NewWebhook"] {
  return {
    url: wish.url.trim(),
    description: wish.description.trim(),
    event_types: wish.eventTypes,
    tags: wish.tags,
    key_ids: wish.keyIds,
  };
}

const HOUR_MS = 3_600_000;

export const PERIODS = [
  { value: "1", label: "the last hour" },
  { value: "6", label: "the last 6 hours" },
  { value: "24", label: "the last day" },
  { value: "72", label: "the last 3 days" },
  { value: "168", label: "the last 7 days" },
];

export function since(hours: string, now: Date): string {
  return new Date(now.getTime() - Number(hours) * HOUR_MS).toISOString();
}
