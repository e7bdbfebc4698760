// Sandbox: break an imitated provider, send a mail, see what happened.

import { Alert, Button, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconHeartBroken, IconTrash } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { KEYS } from "../../api/queries";
import { Allowed, PageAllowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { GreyLines, Loaded } from "../../parts/loaded";
import { notifyDone, notifyProblem } from "../../parts/notify";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { useProviders, useRoutes } from "../../parts/queries";
import { AccountCard } from "./account-card";
import { type Account, labelOf } from "./faults";
import { Inbox } from "./inbox";
import { clearInbox, useAccounts, useMend } from "./queries";
import { TryIt } from "./try-it";

export function SandboxPage() {
  return (
    <PageAllowed scope="content">
      <PageAllowed scope="read">
        <Sandbox />
      </PageAllowed>
    </PageAllowed>
  );
}

function Sandbox() {
  const accounts = useAccounts();
  return (
    <>
      <PageHeader
        title="Sandbox inbox"
        description="The providers here are imitated: they take mail, show it below, and send it nowhere. Break one, send a mail, and see what the gateway makes of it."
      />
      <Stack>
        <Loaded query={accounts} loading={<GreyLines lines={5} height={48} />}>
          {({ accounts: all }) => (
            <>
              <WhatIsBroken accounts={all} />
              {all.length > 0 && <BreakOne accounts={all} />}
            </>
          )}
        </Loaded>
        <Allowed scope="send">
          <Panel title="2. Send a mail">
            <TryIt />
          </Panel>
        </Allowed>
        <Panel title="3. See what arrived" actions={<Clear />}>
          <Inbox providers={accounts.data?.accounts.map(({ name }) => name) ?? []} />
        </Panel>
      </Stack>
    </>
  );
}

function BreakOne({ accounts }: { accounts: readonly Account[] }) {
  const standings = useProviders().data ?? [];
  const order = useRoutes().data?.find(({ name }) => name === "default")?.providers ?? [];
  return (
    <Panel title="1. Break a provider">
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {accounts.map((account) => (
          <AccountCard
            key={account.name}
            account={account}
            place={order.indexOf(account.name) + 1}
            standing={standings.find(({ name }) => name === account.name)}
          />
        ))}
      </SimpleGrid>
    </Panel>
  );
}

function WhatIsBroken({ accounts }: { accounts: readonly Account[] }) {
  const mend = useMend();
  const broken = accounts.filter(({ faults }) => faults.length > 0);
  if (broken.length === 0) return null;
  const words = broken.map(({ name, faults }) => `${name} (${faults.map(labelOf).join(", ")})`);
  return (
    <Alert
      color="red"
      icon={<IconHeartBroken />}
      title={broken.length === 1 ? "A provider is broken" : `${broken.length} providers are broken`}
      role="status"
    >
      <Text size="sm" mb="xs">
        {words.join(", ")}. Now send a mail and see who takes it.
      </Text>
      <Allowed scope="manage">
        <Button
          size="xs"
          color="green"
          loading={mend.isPending}
          onClick={() => mend.mutate(broken.map(({ name }) => name))}
        >
          {broken.length === 1 ? "Mend it" : "Mend all"}
        </Button>
      </Allowed>
    </Alert>
  );
}

function Clear() {
  const queries = useQueryClient();
  const { ask, dialog } = useConfirm();
  const clear = async () => {
    try {
      await clearInbox();
      notifyDone("The sandbox inbox is empty.");
    } catch (error) {
      notifyProblem(error, "The inbox could not be emptied");
    }
    await queries.invalidateQueries({ queryKey: [KEYS.inbox] });
  };
  return (
    <Allowed scope="manage">
      <Button
        size="xs"
        variant="default"
        leftSection={<IconTrash size={14} aria-hidden />}
        onClick={() =>
          ask({
            title: "Empty the sandbox inbox?",
            body: "What the imitated providers took is thrown away. The messages and their history stay.",
            confirm: "Empty it",
            isDangerous: true,
            action: clear,
          })
        }
      >
        Clear inbox
      </Button>
      {dialog}
    </Allowed>
  );
}
