// Writing and sending one mail: what was typed, what is wrong with it, what became of it.

import { useCallback, useRef, useState } from "react";
import { ApiProblem } from "../../api/problem";
import { useSession } from "../../api/session";
import { type Fault } from "../../parts/pointers";
import { messageIn, type Sent } from "./answers";
import { type Draft, emptyDraft, freshKey } from "./draft";
import { faultsOf, withoutFaultsOf } from "./faults";
import { send } from "./queries";

export type Change = Partial<Draft> | ((draft: Draft) => Partial<Draft>);

export interface Composing {
  draft: Draft;
  faults: readonly Fault[];
  /** Why the last call brought no message. */
  problem: unknown;
  sent: Sent | null;
  isSending: boolean;
  change: (change: Change) => void;
  /** True: it went out to the gateway; false: something has to be mended before. */
  submit: () => Promise<boolean>;
  /** Back to writing, with what was sent, or with nothing. */
  writeAgain: (how: "same" | "empty") => void;
  giveNewKey: () => void;
}

// Kept while the reader looks at another page, for the key that wrote it and for no other.
let kept: { owner: string; draft: Draft } | null = null;

export function useComposing(): Composing {
  const owner = useSession().identity?.id ?? "";
  const [draft, setDraft] = useState(() => (kept?.owner === owner ? kept.draft : emptyDraft()));
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const [problem, setProblem] = useState<unknown>(null);
  const [sent, setSent] = useState<Sent | null>(null);
  const [isSending, setSending] = useState(false);
  // Beside the state, since a key press may change the draft and send it before the next drawing,
  // and a second click may come before the button is seen to be busy.
  const latest = useRef(draft);
  const isUnderWay = useRef(false);

  const replace = useCallback(
    (next: Draft) => {
      latest.current = next;
      kept = { owner, draft: next };
      setDraft(next);
    },
    [owner],
  );
  const change = useCallback(
    (asked: Change) => {
      const part = typeof asked === "function" ? asked(latest.current) : asked;
      replace({ ...latest.current, ...part });
      setFaults((before) => withoutFaultsOf(before, part));
    },
    [replace],
  );
  const settle = (outcome: Sent) => {
    setSent(outcome);
    // What comes next is another mail, even when it says the same.
    replace({ ...latest.current, idempotencyKey: freshKey() });
    kept = null;
  };
  const submit = async () => {
    if (isUnderWay.current) return false;
    const found = faultsOf(latest.current);
    setFaults(found);
    setProblem(null);
    if (found.length > 0) return false;
    isUnderWay.current = true;
    setSending(true);
    try {
      settle(await send(latest.current));
    } catch (error) {
      const message = messageIn(error);
      if (message && error instanceof ApiProblem) {
        settle({ message, status: error.status, isReplayed: false });
      } else {
        setProblem(error);
        setFaults(faultsIn(error));
      }
    } finally {
      isUnderWay.current = false;
      setSending(false);
    }
    return true;
  };
  const writeAgain = (how: "same" | "empty") => {
    if (how === "empty") replace(emptyDraft(latest.current.from));
    setSent(null);
    setFaults([]);
    setProblem(null);
  };
  const giveNewKey = () => {
    change({ idempotencyKey: freshKey() });
    setProblem(null);
  };
  return { draft, faults, problem, sent, isSending, change, submit, writeAgain, giveNewKey };
}

function faultsIn(error: unknown): readonly Fault[] {
  if (!(error instanceof ApiProblem)) return [];
  if (error.code === "sender_not_allowed") return [{ pointer: "/from", detail: error.message }];
  return error.faults;
}
