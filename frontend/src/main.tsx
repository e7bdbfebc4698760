// Starts the page: where the API is, then everything else.

import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "./api/client";
import { makeQueryClient } from "./api/queries";
import { readWhere } from "./api/where";
import { ProblemNotice } from "./parts/problem-notice";
import { router } from "./shell/router";
import { cssVariables, theme } from "./shell/theme";

async function start(): Promise<void> {
  const place = document.getElementById("root");
  if (!place) throw new Error("index.html has no #root");
  const page = await readWhere().then(
    ({ api }) => {
      connect(api);
      return (
        <QueryClientProvider client={makeQueryClient()}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      );
    },
    (error: unknown) => <ProblemNotice error={error} onRetry={() => location.reload()} />,
  );
  createRoot(place).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <Notifications position="bottom-right" />
        {page}
      </MantineProvider>
    </StrictMode>,
  );
}

void start();
