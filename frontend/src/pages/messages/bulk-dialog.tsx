// Many messages at once: counted first, said in words, and done only then.

import { Button, Checkbox, Group, List, Modal, Progress, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Message } from "../../api/types";
import { KEYS } from "../../api/queries";
import { count } from "../../parts/format";
import { notifyDone } from "../../parts/notify";
import { ProblemNotice } from "../../parts/problem-notice";
import {
  actOn,
  type BulkAction,
  type BulkResult,
  type Chosen,
  chooseAll,
  type Line,
  whatHappens,
  whatIsLeftOut,
} from "./bulk";
import type { Selection } from "./selection";
import { useStoppable } from "./work";

const WORDS = {
  retry: {
    title: "Try again",
    done: "given back to the queue",
    verb: "Try",
    isDangerous: false,
  },
  cancel: {
    title: "Cancel",
    done: "cancelled",
    verb: "Cancel",
    isDangerous: true,
  },
} as const;

interface Props {
  action: BulkAction;
  selection: Selection;
  /** The loaded ones. */
  rows: readonly Message[];
  onClose: (isDone: boolean) => void;
}

interface Plan {
  chosen: Chosen;
  result: BulkResult;
}

export function BulkDialog({ action, selection, rows, onClose }: Props) {
  const words = WORDS[action];
  const queries = useQueryClient();
  const { run, stop, done, isRunning } = useStoppable();
  const [plan, setPlan] = useState<Plan | null>(null);
  const [risksDuplicate, setRisk] = useState(false);
  const [isActing, setActing] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const look = async (risk: boolean) => {
    setError(null);
    setRisk(risk);
    try {
      const found = await run(async (signal, onProgress) => {
        const chosen = plan?.chosen ?? (await choose(selection, rows, signal, onProgress));
        const how = {
          action,
          isDryRun: true,
          risksDuplicate: risk,
          signal,
          onProgress,
        };
        return { chosen, result: await actOn([...chosen.keys()], how) };
      });
      if (found) setPlan(found);
    } catch (failure) {
      setError(failure);
    }
  };
  const begin = useRef(look);
  useEffect(() => void begin.current(false), []);

  const act = async ({ result }: Plan) => {
    setActing(true);
    setError(null);
    try {
      const acted = await run((signal, onProgress) =>
        actOn(result.ids, {
          action,
          isDryRun: false,
          risksDuplicate,
          signal,
          onProgress,
        }),
      );
      if (acted) notifyDone(`${messages(acted.ids.length)} ${words.done}.`);
      onClose(acted !== null);
    } catch (failure) {
      setError(failure);
      setActing(false);
    } finally {
      void queries.invalidateQueries({ queryKey: [KEYS.messages] });
    }
  };
  const close = () => {
    stop();
    onClose(false);
  };
  const number = plan?.result.ids.length ?? 0;
  return (
    <Modal opened onClose={close} title={`${words.title}: what would happen`} centered size="lg">
      <Stack>
        {error !== null && (
          <ProblemNotice error={error} onRetry={() => void look(risksDuplicate)} />
        )}
        {isRunning && (
          <div>
            <Text size="sm" mb={6} aria-live="polite">
              {isActing ? "Under way" : "Counting; nothing is changed yet"}: {count(done)}
              {plan ? ` of ${count(isActing ? number : plan.chosen.size)}` : ""}
            </Text>
            <Progress value={100} animated aria-label="Under way" />
          </div>
        )}
        {plan && !isActing && (
          <PlanInWords
            action={action}
            plan={plan}
            risksDuplicate={risksDuplicate}
            onRisk={(risk) => void look(risk)}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            {isActing ? "Stop" : "Leave it"}
          </Button>
          {plan && number > 0 && (
            <Button
              color={words.isDangerous || risksDuplicate ? "red" : undefined}
              loading={isRunning}
              onClick={() => void act(plan)}
            >
              {words.verb} {messages(number)}
              {action === "retry" ? " again" : ""}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function PlanInWords({
  action,
  plan,
  risksDuplicate,
  onRisk,
}: {
  action: BulkAction;
  plan: Plan;
  risksDuplicate: boolean;
  onRisk: (risk: boolean) => void;
}) {
  const happens = whatHappens(action, plan.result, plan.chosen);
  const leftOut = whatIsLeftOut(action, plan.result);
  const unknown = plan.result.leftOut.unknown ?? 0;
  return (
    <>
      {happens.length > 0 ? (
        <Lines title={`${messages(plan.result.ids.length)} would be changed`} lines={happens} />
      ) : (
        <Text size="sm" fw={600}>
          Nothing would happen: none of these messages allows it.
        </Text>
      )}
      {leftOut.length > 0 && <Lines title="Left out" lines={leftOut} />}
      {action === "retry" && (unknown > 0 || risksDuplicate) && (
        <Checkbox
          checked={risksDuplicate}
          onChange={(event) => onRisk(event.currentTarget.checked)}
          color="orange"
          label="Also send those again of which nobody knows whether they went out"
          description="A provider may have taken them: their recipients may then get the mail twice. Choose this only where twice is better than never."
        />
      )}
    </>
  );
}

function Lines({ title, lines }: { title: string; lines: readonly Line[] }) {
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {title}
      </Text>
      <List size="sm" spacing={2}>
        {lines.map(({ text, why }) => (
          <List.Item key={text}>
            <b>{text}</b>: {why}
          </List.Item>
        ))}
      </List>
    </div>
  );
}

async function choose(
  selection: Selection,
  rows: readonly Message[],
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<Chosen> {
  if (selection.kind === "all") return chooseAll(selection.q, { signal, onProgress });
  const { ids } = selection;
  return new Map(rows.filter(({ id }) => ids.has(id)).map(({ id, status }) => [id, status]));
}

function messages(number: number): string {
  return number === 1 ? "1 message" : `${count(number)} messages`;
}
