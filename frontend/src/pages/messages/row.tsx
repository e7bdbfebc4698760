// One message in the list: a line of a table, or a card where there is no room for one.

import { Checkbox, Text } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { type MouseEvent, memo } from "react";
import type { Message } from "../../api/types";
import { MessageBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { type Column, recipientsOf, SUBJECT } from "./columns";
import classes from "./table.module.css";

interface Props {
  message: Message;
  index: number;
  top: number;
  height: number;
  columns: readonly Column[];
  isCard: boolean;
  /** Null where nothing can be chosen. */
  isChosen: boolean | null;
  onChoose: (id: string, isRange: boolean) => void;
}

export const Row = memo(function Row(props: Props) {
  const { message, index, top, height, columns, isCard, isChosen } = props;
  const navigate = useNavigate();
  const open = (event: MouseEvent) => {
    const isOnControl = (event.target as Element).closest("a, input, label, button");
    if (isOnControl || getSelection()?.isCollapsed === false) return;
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
          <Checkbox
            size="xs"
            checked={isChosen}
            aria-label={`Choose “${message.subject || "no subject"}”`}
            onChange={() => undefined}
            onClick={(event) => props.onChoose(message.id, event.shiftKey)}
          />
        </td>
      )}
      {isCard ? (
        <Card message={message} />
      ) : (
        columns.map((column) => (
          <td key={column.name} className={classes.cell}>
            {column.name === SUBJECT ? <Subject message={message} /> : column.cell(message)}
          </td>
        ))
      )}
    </tr>
  );
});

function Subject({ message }: { message: Message }) {
  return (
    <Link
      to="/messages/$id"
      params={{ id: message.id }}
      preload={false}
      className={classes.subject}
      title={message.subject}
    >
      {message.subject || <em>(no subject)</em>}
    </Link>
  );
}

function Card({ message }: { message: Message }) {
  return (
    <td className={classes.cardBody}>
      <div className={classes.cardLine}>
        <span className={classes.cell}>
          <Subject message={message} />
        </span>
        <MessageBadge status={message.status} />
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
          <When at={message.created_at} />
        </Text>
      </div>
    </td>
  );
}
