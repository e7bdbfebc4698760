// Addresses and pages. A page's code is loaded when it is first opened; what stands in its
// address is typed by its own `search.ts`.

import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { readMessagesSearch } from "../pages/messages/search";
import { readSuppressionsSearch } from "../pages/suppressions/search";
import { GreyLines } from "../parts/loaded";
import { readPeriodSearch } from "../parts/period";
import { ProblemNotice } from "../parts/problem-notice";
import { NotFound } from "./not-found";
import { Shell } from "./shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const under = () => root;

const routes = [
  createRoute({
    getParentRoute: under,
    path: "/",
    validateSearch: readPeriodSearch,
    component: lazyRouteComponent(() => import("../pages/overview/page"), "OverviewPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/messages",
    validateSearch: readMessagesSearch,
    component: lazyRouteComponent(() => import("../pages/messages/page"), "MessagesPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/messages/$id",
    component: lazyRouteComponent(() => import("../pages/message/page"), "MessagePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/compose",
    component: lazyRouteComponent(() => import("../pages/compose/page"), "ComposePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/providers",
    validateSearch: readPeriodSearch,
    component: lazyRouteComponent(() => import("../pages/providers/page"), "ProvidersPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/routes",
    component: lazyRouteComponent(() => import("../pages/routes/page"), "RoutesPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/suppressions",
    validateSearch: readSuppressionsSearch,
    component: lazyRouteComponent(() => import("../pages/suppressions/page"), "SuppressionsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/webhooks",
    component: lazyRouteComponent(() => import("../pages/webhooks/page"), "WebhooksPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/keys",
    component: lazyRouteComponent(() => import("../pages/keys/page"), "KeysPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/sandbox",
    component: lazyRouteComponent(() => import("../pages/sandbox/page"), "SandboxPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/system",
    component: lazyRouteComponent(() => import("../pages/system/page"), "SystemPage"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: "intent",
  defaultPendingComponent: () => <GreyLines />,
  defaultErrorComponent: ({ error, reset }: ErrorComponentProps) => (
    <ProblemNotice error={error} onRetry={reset} />
  ),
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
