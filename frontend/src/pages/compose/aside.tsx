// Beside the mail: where it would go, and how a program sends the same.

import { Alert, Stack, Tabs, Text } from "@mantine/core";
import { IconUserOff } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { apiOrigin } from "../../api/client";
import { ApiProblem, isAway } from "../../api/problem";
import type { Explanation } from "../../api/types";
import { CodeBlock } from "../../parts/copy";
import { ExplanationView } from "../../parts/explanation";
import { GreyLines } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { ProblemNotice } from "../../parts/problem-notice";
import type { Composing } from "./compose";
import { type Draft, headersOf, requestOf } from "./draft";
import { curlOf, javascriptOf, pythonOf } from "./examples";
import { useExplanation } from "./queries";
import { Faults } from "./refused";

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
  if (error instanceof ApiProblem && error.faults.length > 0)
    return <Missing error={error} draft={draft} />;
  // That the gateway is away is said once, above every page.
  if (error && !isAway(error)) return <ProblemNotice error={error} />;
  if (!data) return <GreyLines lines={4} />;
  return (
    <>
      <LeftOut suppressed={data.suppressed} />
      <ExplanationView explanation={data} />
    </>
  );
}

function LeftOut({ suppressed }: Pick<Explanation, "suppressed">) {
  if (suppressed.length === 0) return null;
  return (
    <Alert
      color="orange"
      icon={<IconUserOff />}
      title="On the suppression list"
      mb="sm"
      role="status"
    >
      No provider is asked for {suppressed.map(({ address }) => address).join(", ")}.
    </Alert>
  );
}

function Missing({ error, draft }: { error: ApiProblem; draft: Draft }) {
  return (
    <Text size="sm" c="dimmed" component="div">
      Shows which provider would take the mail, as soon as it is whole. Still missing or wrong:
      <Faults faults={error.faults} draft={draft} />
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
