// One message in the list: a line of a table, or a card where there is no room for one.

import { Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type MouseEvent, memo } from "react";
import type { Message } from "../../api/types";
import { type Column, recipientsOf, Status, SUBJECT, Time } from "./columns";
import classes from "./table.module.css";

interface Props {
  message: Message;
  index: number;
  top: number;
  height: number;
  columns: readonly Column[];
  isCard: boolean;
  now: Date;
  /** Null where nothing can be chosen. */
  isChosen: boolean | null;
  onChoose: (id: string, isRange: boolean) => void;
}

export const Row = memo(function Row(props: Props) {
  const { message, index, top, height, columns, isCard, isChosen, now } = props;
  const navigate = useNavigate();
  const open = (event: MouseEvent) => {
    const on = event.target as Element;
    const opensElsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0;
    const marksText = !on.closest("a") && getSelection()?.isCollapsed === false;
    if (opensElsewhere || marksText || on.closest("input")) return;
    event.preventDefault();
    void navigate({ to: "/messages/$id", params: { id: message.id } });
  };
  return (
    <tr
      aria-rowindex={index + 2}
      data-chosen={isChosen || undefined}
      data-index={index}
      className={isCard ? `${classes.row} ${classes.card}` : classes.row}
      style={{
        height,
        transform: `translateY(${top}px)`,
        display: isCard ? "flex" : "grid",
      }}
      onClick={open}
    >
      {isChosen !== null && (
        <td className={classes.cell}>
          <input
            type="checkbox"
            className={classes.choice}
            checked={isChosen}
            aria-label={`Choose “${message.subject || "no subject"}”`}
            onChange={() => undefined}
            onClick={(event) => props.onChoose(message.id, event.shiftKey)}
          />
        </td>
      )}
      {isCard ? (
        <Card message={message} now={now} />
      ) : (
        columns.map((column) => (
          <td key={column.name} className={classes.cell}>
            {column.name === SUBJECT ? <Subject message={message} /> : column.cell(message, now)}
          </td>
        ))
      )}
    </tr>
  );
});

function Subject({ message }: { message: Message }) {
  return (
    <a href={`/messages/${message.id}`} className={classes.subject} title={message.subject}>
      {message.subject || <em>(no subject)</em>}
    </a>
  );
}

function Card({ message, now }: { message: Message; now: Date }) {
  return (
    <td className={classes.cardBody}>
      <div className={classes.cardLine}>
        <span className={classes.cell}>
          <Subject message={message} />
        </span>
        <Status message={message} />
      </div>
      <div className={classes.cardLine}>
        <Text size="xs" c="dimmed" truncate>
          {recipientsOf(message)}
        </Text>
      </div>
      <div className={classes.cardLine}>
        <Text size="xs" c="dimmed" truncate>
          {message.provider ?? "no provider yet"}
        </Text>
        <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
          <Time at={message.created_at} now={now} />
        </Text>
      </div>
    </td>
  );
}
