// Several mailboxes in one field: typed, pasted as a list, mended by a click.

import { Pill, PillsInput } from "@mantine/core";
import { type ClipboardEvent, type KeyboardEvent, type ReactNode, useState } from "react";
import { faultOfMailbox, splitMailboxes, withoutRepetition } from "../../parts/mailboxes";
import classes from "./compose.module.css";

interface Props {
  label: ReactNode;
  /** For readers of the screen: what the pills are called. */
  name: string;
  value: string[];
  onChange: (value: string[]) => void;
  error: string | null;
  placeholder?: string;
  description?: ReactNode;
  autoFocus?: boolean;
}

export function MailboxesInput({ label, name, value, onChange, error, ...rest }: Props) {
  const [typed, setTyped] = useState("");
  const take = (text: string) => {
    const found = splitMailboxes(text);
    setTyped("");
    if (found.length > 0) onChange(withoutRepetition([...value, ...found]));
  };
  const remove = (at: number) => onChange(value.filter((_, index) => index !== at));
  const mend = (at: number) => {
    const others = value.filter((_, index) => index !== at);
    onChange(withoutRepetition([...others, ...splitMailboxes(typed)]));
    setTyped(value[at] ?? "");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isInName = event.key !== "Enter" && typed.split('"').length % 2 === 0;
    if (["Enter", ",", ";"].includes(event.key) && typed.trim() && !isInName) {
      event.preventDefault();
      take(typed);
    } else if (event.key === "Backspace" && !typed && value.length > 0) {
      event.preventDefault();
      mend(value.length - 1);
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData.getData("text");
    const isList = splitMailboxes(text).length > 1;
    if (!isList && faultOfMailbox(text) !== null) return;
    event.preventDefault();
    take(`${typed}${text}`);
  };
  const { placeholder, description, autoFocus } = rest;
  return (
    <PillsInput label={label} error={error} description={description} classNames={classes}>
      <Pill.Group>
        {value.map((mailbox, at) => (
          <Pill
            key={mailbox}
            withRemoveButton
            onRemove={() => remove(at)}
            onClick={() => mend(at)}
            title="Click to change"
            className={classes.pill}
            data-wrong={faultOfMailbox(mailbox) !== null || undefined}
            removeButtonProps={{
              "aria-label": `Remove ${mailbox} from ${name}`,
              "aria-hidden": false,
            }}
          >
            {mailbox}
          </Pill>
        ))}
        <PillsInput.Field
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
          onBlur={() => take(typed)}
          placeholder={value.length === 0 ? placeholder : undefined}
          autoFocus={autoFocus}
          autoComplete="off"
          spellCheck={false}
          inputMode="email"
          aria-required={name === "To" || undefined}
        />
      </Pill.Group>
    </PillsInput>
  );
}
