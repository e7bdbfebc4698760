// Beside the mail: where it would go, and how a program sends the same.

import { List, Stack, Tabs, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { apiOrigin } from "../../api/client";
import { ApiProblem } from "../../api/problem";
import { CodeBlock } from "../../parts/copy";
import { ExplanationView } from "../../parts/explanation";
import { GreyLines } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { ProblemNotice } from "../../parts/problem-notice";
import type { Composing } from "./compose";
import { type Draft, headersOf, requestOf } from "./draft";
import { curlOf, javascriptOf, pythonOf } from "./examples";
import { labelOf } from "./faults";
import { useExplanation } from "./queries";

export function Aside({ draft }: Pick<Composing, "draft">) {
  return (
    <Stack component="aside" aria-label="About this mail">
      <Panel title="Where it would go">
        <WhereItGoes draft={draft} />
      </Panel>
      <Panel title="The same by program">
        <Examples draft={draft} />
      </Panel>
    </Stack>
  );
}

function WhereItGoes({ draft }: { draft: Draft }) {
  const { data, error } = useExplanation(draft);
  if (error instanceof ApiProblem && error.faults.length > 0) return <Missing error={error} />;
  if (error) return <ProblemNotice error={error} />;
  return data ? <ExplanationView explanation={data} /> : <GreyLines lines={4} />;
}

function Missing({ error }: { error: ApiProblem }) {
  return (
    <Text size="sm" c="dimmed" component="div">
      Shows which provider would take the mail, as soon as it is whole. Still missing or wrong:
      <List size="sm" mt={6} spacing={2}>
        {error.faults.map(({ pointer, detail }) => (
          <List.Item key={pointer + detail}>
            <b>{labelOf(pointer)}</b>: {detail}
          </List.Item>
        ))}
      </List>
    </Text>
  );
}

const LANGUAGES = [
  ["curl", "curl", curlOf],
  ["python", "Python", pythonOf],
  ["javascript", "JavaScript", javascriptOf],
] as const;

function Examples({ draft }: { draft: Draft }) {
  const [language, setLanguage] = useState<string | null>("curl");
  const call = useMemo(
    () => ({
      url: `${apiOrigin()}/v1/messages`,
      headers: headersOf(draft),
      body: requestOf(draft),
    }),
    [draft],
  );
  return (
    <Tabs value={language} onChange={setLanguage} keepMounted={false}>
      <Tabs.List aria-label="Language">
        {LANGUAGES.map(([value, label]) => (
          <Tabs.Tab key={value} value={value}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {LANGUAGES.map(([value, label, write]) => (
        <Tabs.Panel key={value} value={value} pt="sm">
          <CodeBlock code={write(call)} label={`Request in ${label}`} />
        </Tabs.Panel>
      ))}
      <Text size="xs" c="dimmed" mt="xs">
        Your key is not in it: put it into the variable <code>MAIL_SENDER_KEY</code>.
      </Text>
    </Tabs>
  );
}
