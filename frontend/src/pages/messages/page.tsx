// Every message, newest first, live.

import { Button, Group, Stack } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconMailPlus, IconSearchOff } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../../api/problem";
import { useMay } from "../../api/session";
import { Allowed, PageAllowed } from "../../parts/allowed";
import { Empty } from "../../parts/empty";
import { GreyLines } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { ProblemNotice } from "../../parts/problem-notice";
import { BulkBar } from "./bulk-bar";
import { ColumnChoice } from "./column-choice";
import { type Column, useColumns } from "./columns";
import { Export } from "./export";
import { FirstSend } from "./first-send";
import { useKnownValues, useMessageList } from "./queries";
import { QuickFilters } from "./quick-filters";
import { SearchField } from "./search-field";
import { faultInWords, withWord } from "./search-line";
import { NOTHING, type Selection } from "./selection";
import { MessageTable } from "./table";

export function MessagesPage() {
  return (
    <PageAllowed scope="read">
      <Messages />
    </PageAllowed>
  );
}

function Messages() {
  const { q = "" } = useSearch({ from: "/messages" });
  const navigate = useNavigate();
  const messages = useMessageList(q);
  const known = useKnownValues(messages.list);
  const columns = useColumns();
  const isNarrow = useMediaQuery("(max-width: 48em)", false, {
    getInitialValueInEffect: false,
  });
  const { error } = messages.query;
  const faults =
    error instanceof ApiProblem && error.status === 422 ? error.faults.map(faultInWords) : [];
  const search = (wanted: string) =>
    void navigate({ to: "/messages", search: wanted ? { q: wanted } : {} });
  return (
    <>
      <PageHeader
        title="Messages"
        actions={
          <Allowed scope="send">
            <Button component={Link} to="/compose" leftSection={<IconMailPlus size={16} />}>
              Compose
            </Button>
          </Allowed>
        }
      />
      <Stack gap="sm">
        <SearchField q={q} known={known} faults={faults} onSearch={search} />
        <Group justify="space-between" gap="xs">
          <QuickFilters q={q} onChoice={(value) => search(withWord(q, "status", value))} />
          <Group gap="xs">
            {!isNarrow && <ColumnChoice columns={columns} />}
            <Export q={q} />
          </Group>
        </Group>
        {/* Another search is another list: nothing chosen, and seen from its top. */}
        <Found
          key={q}
          q={q}
          messages={messages}
          columns={columns.shown}
          isNarrow={isNarrow}
          isRefused={faults.length > 0}
          onClear={() => search("")}
        />
      </Stack>
    </>
  );
}

interface FoundProps {
  q: string;
  messages: ReturnType<typeof useMessageList>;
  columns: readonly Column[];
  isNarrow: boolean;
  isRefused: boolean;
  onClear: () => void;
}

function Found({ q, messages, columns, isNarrow, isRefused, onClear }: FoundProps) {
  const mayAct = useMay("manage");
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const { list, rows, newer, query } = messages;
  if (!list) {
    if (isRefused) return <NothingFound title="The search is not understood" onClear={onClear} />;
    if (query.error)
      return <ProblemNotice error={query.error} onRetry={() => void messages.again()} />;
    return <GreyLines lines={10} height={36} />;
  }
  if (rows.length === 0 && newer.rows.length === 0) {
    return q ? <NothingFound title="No message matches" onClear={onClear} /> : <FirstSend />;
  }
  return (
    <>
      {mayAct && (
        <BulkBar
          q={q}
          selection={selection}
          rows={rows}
          hasMore={query.hasNextPage}
          onSelection={setSelection}
        />
      )}
      <MessageTable
        q={q}
        messages={messages}
        columns={columns}
        isNarrow={isNarrow}
        selection={mayAct ? selection : null}
        onSelection={setSelection}
      />
    </>
  );
}

function NothingFound({ title, onClear }: { title: string; onClear: () => void }) {
  return (
    <Empty
      icon={IconSearchOff}
      title={title}
      action={
        <Button variant="default" onClick={onClear}>
          Show every message
        </Button>
      }
    >
      Change the search above; the question mark in it says what it understands.
    </Empty>
  );
}
