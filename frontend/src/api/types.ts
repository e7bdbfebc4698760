// Short names for what the API speaks of; `schema.d.ts` is generated from the OpenAPI document.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Attempt = Schemas["Attempt"];
export type Explanation = Schemas["Explanation"];
export type EventType = Schemas["EventType"];
export type Happening = Schemas["EventOut"];
export type Message = Schemas["Message"];
export type MessageContent = Schemas["MessageContent"];
export type MessageStatus = Schemas["MessageStatus"];
export type Outcome = Schemas["OutcomeKind"];
export type Period = Schemas["Period"];
export type Problem = Schemas["Problem"];
export type Provider = Schemas["ProviderOut"];
export type ProviderState = Schemas["ProviderState"];
export type Recipient = Schemas["Recipient"];
export type RecipientStatus = Schemas["RecipientStatus"];
export type Route = Schemas["RouteOut"];
export type Scope = Schemas["Scope"];
export type SendRequest = Schemas["SendRequest"];
export type Stats = Schemas["StatsOut"];
export type Webhook = Schemas["WebhookOut"];
export type System = Schemas["System"];
