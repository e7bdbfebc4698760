// Suppressions: addresses that get no mail, whichever provider would take it.

import { Button, Stack, Text } from "@mantine/core";
import { IconPlus, IconSearchOff, IconUpload, IconUserOff } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { KEYS } from "../../api/queries";
import { Allowed, PageAllowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { Empty } from "../../parts/empty";
import { Loaded } from "../../parts/loaded";
import { notifyDone, notifyProblem } from "../../parts/notify";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { AddDialog } from "./add-dialog";
import { ExportButton, ImportDialog } from "./files";
import { Filters } from "./filters";
import { SuppressionList } from "./list";
import { removeSuppression, useSuppressions } from "./queries";
import { readSuppressionsSearch, type SuppressionsSearch } from "./search";
import type { Suppression } from "./suppression";

export function SuppressionsPage() {
  return (
    <PageAllowed scope="read">
      <Suppressions />
    </PageAllowed>
  );
}

function Suppressions() {
  const filters = useSearch({ from: "/suppressions" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [opened, setOpened] = useState<"add" | "import" | null>(null);
  const changed = () => void queries.invalidateQueries({ queryKey: [KEYS.suppressions] });
  const close = () => setOpened(null);
  const show = (next: SuppressionsSearch) =>
    void navigate({
      to: "/suppressions",
      search: readSuppressionsSearch({ ...next }),
      replace: true,
    });
  return (
    <>
      <PageHeader
        title="Suppressions"
        description="Addresses that get no mail, whichever provider would take it. Hard bounces, complaints and unsubscribes come here by themselves, where providers report them."
        actions={
          <>
            <ExportButton filters={filters} />
            <Allowed scope="manage">
              <Button
                variant="default"
                leftSection={<IconUpload size={16} aria-hidden />}
                onClick={() => setOpened("import")}
              >
                Import
              </Button>
              <Button
                leftSection={<IconPlus size={16} aria-hidden />}
                onClick={() => setOpened("add")}
              >
                Add
              </Button>
            </Allowed>
          </>
        }
      />
      <Panel>
        <Stack gap="sm">
          <Filters filters={filters} onChange={show} />
          <Entries filters={filters} onChanged={changed} />
        </Stack>
      </Panel>
      <AddDialog isOpen={opened === "add"} onClose={close} onChanged={changed} />
      <ImportDialog isOpen={opened === "import"} onClose={close} onChanged={changed} />
    </>
  );
}

interface EntriesProps {
  filters: SuppressionsSearch;
  onChanged: () => void;
}

function Entries({ filters, onChanged }: EntriesProps) {
  const list = useSuppressions(filters);
  const { ask, dialog } = useConfirm();
  const remove = (entry: Suppression) =>
    ask({
      title: `Let ${entry.address} have mail again?`,
      body: <WhatRemovingDoes of={entry} />,
      confirm: "Remove it from the list",
      isDangerous: true,
      action: async () => {
        try {
          await removeSuppression(entry.address);
          notifyDone(`${entry.address} may have mail again.`);
        } catch (error) {
          notifyProblem(error, "It could not be removed");
        }
        onChanged();
      },
    });
  return (
    <>
      <Loaded
        query={list}
        isEmpty={({ pages }) => pages.every(({ data }) => data.length === 0)}
        empty={<Nothing isFiltered={Object.keys(filters).length > 0} />}
      >
        {({ pages }) => (
          <SuppressionList
            entries={pages.flatMap(({ data }) => data)}
            onRemove={remove}
            onMore={list.hasNextPage ? () => void list.fetchNextPage() : null}
            isLoadingMore={list.isFetchingNextPage}
          />
        )}
      </Loaded>
      {dialog}
    </>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <Empty icon={IconSearchOff} title="No address is like this" />;
  return (
    <Empty icon={IconUserOff} title="Nobody is suppressed">
      When a provider reports a hard bounce or a complaint, the address comes here and gets no more
      mail. You can add addresses, or import the list of another provider.
    </Empty>
  );
}

function WhatRemovingDoes({ of }: { of: Suppression }) {
  const isTheirWish = of.reason === "complaint" || of.reason === "unsubscribe";
  return (
    <Stack gap="xs">
      {isTheirWish && (
        <Text size="sm" fw={600}>
          This person {of.reason === "complaint" ? "reported mail as spam" : "unsubscribed"}. Mail
          against their will harms your reputation with every provider.
        </Text>
      )}
      <Text size="sm">
        Mail to this address is handed over again from the next attempt on. Providers keep lists of
        their own, which this does not change.
      </Text>
    </Stack>
  );
}
