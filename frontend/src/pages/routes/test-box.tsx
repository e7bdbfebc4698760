// Where a mail would go: answered as one types, by the same rules as a real one.

import { NumberInput, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiProblem } from "../../api/problem";
import { ExplanationView } from "../../parts/explanation";
import { GreyLines } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { ProblemNotice } from "../../parts/problem-notice";
import { useRoutes } from "../../parts/queries";
import { useSystem } from "../../shell/system";
import { type Draft, FIRST_DRAFT, fieldOf, type Priority } from "./draft";
import { useExplanation } from "./queries";
import classes from "./routes.module.css";

export function TestBox() {
  const [draft, setDraft] = useState(FIRST_DRAFT);
  const query = useExplanation(draft);
  return (
    <Panel title="Where would a mail go?">
      <Text size="sm" c="dimmed" mb="md" maw="70ch">
        Describe it. The gateway answers by the same rules as for a real one, as things stand now.
        Nothing is stored, sent or counted.
      </Text>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <Form
          draft={draft}
          onChange={(part) => setDraft({ ...draft, ...part })}
          faults={faultsOf(query.error)}
        />
        <div
          aria-live="polite"
          aria-busy={query.isFetching}
          className={classes.answer}
          data-old={query.isPlaceholderData || undefined}
        >
          <Answer query={query} />
        </div>
      </SimpleGrid>
    </Panel>
  );
}

/** A mail that is not valid is said beside its fields; the last good answer would mislead. */
function Answer({ query: { data, error, refetch } }: { query: ReturnType<typeof useExplanation> }) {
  if (error) {
    return isAboutMail(error) ? (
      <Text size="sm" c="dimmed">
        This is no valid mail yet: see the fields.
        {faultsElsewhere(error).map((fault) => ` ${fault}.`)}
      </Text>
    ) : (
      <ProblemNotice error={error} onRetry={() => void refetch()} />
    );
  }
  return data ? <ExplanationView explanation={data} /> : <GreyLines lines={4} />;
}

interface FormProps {
  draft: Draft;
  onChange: (part: Partial<Draft>) => void;
  faults: Partial<Record<keyof Draft, string>>;
}

function Form({ draft, onChange, faults }: FormProps) {
  const routes = useRoutes();
  const hasDefault = useSystem().data?.features.includes("default_sender");
  const names = (routes.data ?? []).map(({ name }) => name).filter((name) => name !== "test");
  return (
    <Stack gap="sm">
      <TextInput
        label="From"
        value={draft.from}
        onChange={(event) => onChange({ from: event.currentTarget.value })}
        error={faults.from}
        placeholder={hasDefault ? "the default sender" : undefined}
        required={!hasDefault}
        withAsterisk={false}
      />
      <TextInput
        label="To"
        description="Several with commas"
        value={draft.to}
        onChange={(event) => onChange({ to: event.currentTarget.value })}
        error={faults.to}
      />
      <TextInput
        label="Tags"
        description="Several with commas"
        value={draft.tags}
        onChange={(event) => onChange({ tags: event.currentTarget.value })}
        error={faults.tags}
      />
      <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
        <NumberInput
          label="Attachment"
          suffix=" MB"
          value={draft.attachmentMb}
          onChange={(size) => onChange({ attachmentMb: Number(size) || 0 })}
          min={0}
          max={50}
          clampBehavior="strict"
          error={faults.attachmentMb}
        />
        <Select
          label="Priority"
          data={PRIORITIES}
          value={draft.priority}
          onChange={(priority) => onChange({ priority: priority ?? "normal" })}
          error={faults.priority}
          allowDeselect={false}
        />
        <Select
          label="Route"
          data={names}
          value={draft.route || null}
          onChange={(route) => onChange({ route: route ?? "" })}
          placeholder="by the rules"
          error={faults.route}
          clearable
        />
      </SimpleGrid>
    </Stack>
  );
}

const PRIORITIES: Priority[] = ["high", "normal", "low"];

function isAboutMail(error: unknown): error is ApiProblem {
  return error instanceof ApiProblem && error.status === 422 && error.faults.length > 0;
}

function faultsOf(error: unknown): Partial<Record<keyof Draft, string>> {
  if (!isAboutMail(error)) return {};
  const found: Partial<Record<keyof Draft, string>> = {};
  for (const { pointer, detail } of error.faults) {
    const field = fieldOf(pointer);
    if (field) found[field] ??= detail;
  }
  return found;
}

function faultsElsewhere(error: ApiProblem): string[] {
  return error.faults
    .filter(({ pointer }) => fieldOf(pointer) === null)
    .map(({ pointer, detail }) => `${pointer} ${detail}`.trim());
}
