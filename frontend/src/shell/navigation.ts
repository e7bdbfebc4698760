// The pages, in the order of the menu. A page that needs a scope is shown only with it.

import type { Icon } from "@tabler/icons-react";
import {
  IconChartLine,
  IconInbox,
  IconKey,
  IconMail,
  IconMailPlus,
  IconRoute,
  IconServer2,
  IconServerCog,
  IconUserOff,
  IconWebhook,
} from "@tabler/icons-react";
import type { Scope } from "../api/types";

export interface Place {
  to:
    | "/"
    | "/messages"
    | "/compose"
    | "/providers"
    | "/routes"
    | "/suppressions"
    | "/webhooks"
    | "/keys"
    | "/sandbox"
    | "/system";
  label: string;
  icon: Icon;
  scope: Scope;
  /** Only where the gateway runs its imitated providers. */
  needsSandbox?: true;
}

export const PLACES: readonly Place[] = [
  { to: "/", label: "Overview", icon: IconChartLine, scope: "read" },
  { to: "/messages", label: "Messages", icon: IconMail, scope: "read" },
  { to: "/compose", label: "Compose", icon: IconMailPlus, scope: "send" },
  { to: "/providers", label: "Providers", icon: IconServer2, scope: "read" },
  { to: "/routes", label: "Routes", icon: IconRoute, scope: "read" },
  { to: "/suppressions", label: "Suppressions", icon: IconUserOff, scope: "read" },
  { to: "/webhooks", label: "Webhooks", icon: IconWebhook, scope: "read" },
  { to: "/keys", label: "Keys", icon: IconKey, scope: "manage" },
  {
    to: "/sandbox",
    label: "Sandbox inbox",
    icon: IconInbox,
    scope: "content",
    needsSandbox: true,
  },
  { to: "/system", label: "System", icon: IconServerCog, scope: "read" },
];
