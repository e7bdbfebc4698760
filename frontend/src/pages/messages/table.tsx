// The list on the screen: only the rows in sight are drawn, and what comes and goes above them
// does not move them.

import { Button, Checkbox, Loader, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconArrowUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Message } from "../../api/types";
import { count } from "../../parts/format";
import { inWords } from "../../parts/problem-notice";
import { useNow } from "../../parts/when";
import type { Column } from "./columns";
import { pageAt } from "./list";
import { useFreshPages, type useMessageList } from "./queries";
import { Row } from "./row";
import {
  allLoaded,
  extended,
  isChosen,
  isNothing,
  NOTHING,
  type Selection,
  toggled,
} from "./selection";
import classes from "./table.module.css";

const LINE = 41;
const CARD = 96;
const CHECKBOX = 20;
const GAPS = 12;

interface Props {
  q: string;
  messages: ReturnType<typeof useMessageList>;
  columns: readonly Column[];
  isNarrow: boolean;
  /** Null where the key may not act on messages. */
  selection: Selection | null;
  onSelection: (selection: Selection) => void;
}

export function MessageTable({ q, messages, columns, isNarrow, selection, onSelection }: Props) {
  const { list, rows, newer, showNewer, query } = messages;
  const box = useRef<HTMLDivElement>(null);
  const height = isNarrow ? CARD : LINE;
  const now = useNow();
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is compiled
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 8,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  useKeptPlace(box, rows, height);

  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  const [inSight] = useDebouncedValue(
    list ? `${pageAt(list, first)} ${pageAt(list, last)}` : "",
    300,
  );
  useFreshPages(q, list, [...new Set(inSight.split(" ").filter(Boolean).map(Number))]);

  const [isAtTop, setAtTop] = useState(true);
  const mayMove = isAtTop && (selection === null || isNothing(selection));
  useEffect(() => {
    if (mayMove && newer.rows.length > 0) showNewer();
  }, [mayMove, newer, showNewer]);

  const isNearEnd = last >= rows.length - 20;
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = query;
  useEffect(() => {
    if (isNearEnd && hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [isNearEnd, hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);

  const onChoose = useChoice(rows, selection ?? NOTHING, onSelection);
  const track = selection ? `${CHECKBOX}px ` : "";
  const least = columns.reduce((sum, column) => sum + column.least + GAPS, selection ? 72 : 40);
  const tracks = {
    "--columns": track + columns.map(({ width }) => width).join(" "),
    "--least-width": `${least}px`,
  };
  return (
    <div className={classes.place}>
      {newer.rows.length > 0 && !mayMove && (
        <Button
          className={classes.newer}
          size="compact-sm"
          radius="xl"
          leftSection={<IconArrowUp size={14} />}
          onClick={() => {
            showNewer();
            box.current?.scrollTo({ top: 0 });
          }}
        >
          {newer.hasGap ? "Many" : count(newer.rows.length)} new{" "}
          {newer.rows.length === 1 ? "message" : "messages"}
        </Button>
      )}
      <div
        ref={box}
        className={classes.box}
        data-scroll-restoration-id="messages"
        onScroll={(event) => setAtTop(event.currentTarget.scrollTop < height / 2)}
      >
        <table
          aria-label="Messages"
          aria-rowcount={hasNextPage ? -1 : rows.length + 1}
          className={classes.table}
          style={isNarrow ? undefined : (tracks as CSSProperties)}
        >
          {!isNarrow && (
            <Head columns={columns} rows={rows} selection={selection} onSelection={onSelection} />
          )}
          <tbody
            className={classes.rows}
            style={{ height: virtual.getTotalSize() }}
            onKeyDown={(event) => moveFocus(event, (index) => virtual.scrollToIndex(index))}
          >
            {items.map(({ index, start }) => {
              const message = rows[index];
              return (
                message && (
                  <Row
                    key={message.id}
                    message={message}
                    index={index}
                    top={start}
                    height={height}
                    columns={columns}
                    isCard={isNarrow}
                    now={now}
                    isChosen={selection && isChosen(selection, message.id)}
                    onChoose={onChoose}
                  />
                )
              );
            })}
          </tbody>
        </table>
        <Foot query={query} number={rows.length} />
      </div>
    </div>
  );
}

function Head({
  columns,
  rows,
  selection,
  onSelection,
}: {
  columns: readonly Column[];
  rows: readonly Message[];
  selection: Selection | null;
  onSelection: (selection: Selection) => void;
}) {
  const isAll = selection?.kind === "all" || selection?.ids.size === rows.length;
  return (
    <thead className={classes.block}>
      <tr className={classes.head} aria-rowindex={1}>
        {selection && (
          <th scope="col">
            <Checkbox
              size="xs"
              aria-label="Choose all loaded messages"
              checked={isAll}
              indeterminate={!isAll && !isNothing(selection)}
              onChange={() => onSelection(isAll ? NOTHING : allLoaded(rows))}
            />
          </th>
        )}
        {columns.map(({ name, label }) => (
          <th key={name} scope="col" className={classes.cell}>
            {label}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Foot({
  query,
  number,
}: {
  query: ReturnType<typeof useMessageList>["query"];
  number: number;
}) {
  if (query.isFetchNextPageError) {
    return (
      <div className={classes.foot} role="alert">
        <Text size="sm" mb={6}>
          More could not be loaded. {inWords(query.error).detail}
        </Text>
        <Button size="xs" variant="default" onClick={() => void query.fetchNextPage()}>
          Try again
        </Button>
      </div>
    );
  }
  return (
    <div className={classes.foot}>
      {query.hasNextPage ? (
        <Loader size="xs" role="status" aria-label="Loading more" />
      ) : (
        <Text size="xs" c="dimmed">
          {number === 1 ? "One message" : `${count(number)} messages`}, that is all.
        </Text>
      )}
    </div>
  );
}

/** Boxes: one, or with Shift all from the last one on. */
function useChoice(
  rows: readonly Message[],
  selection: Selection,
  onSelection: (selection: Selection) => void,
) {
  const last = useRef("");
  return useCallback(
    (id: string, isRange: boolean) => {
      onSelection(
        isRange && last.current
          ? extended(selection, rows, last.current, id)
          : toggled(selection, rows, id),
      );
      last.current = id;
    },
    [rows, selection, onSelection],
  );
}

/** When rows come or go above those in sight, scroll by as much, so that nothing moves. */
function useKeptPlace(
  box: { readonly current: HTMLDivElement | null },
  rows: readonly Message[],
  height: number,
): void {
  const before = useRef<readonly Message[]>(rows);
  useLayoutEffect(() => {
    const old = before.current;
    before.current = rows;
    const element = box.current;
    if (!element || old === rows || element.scrollTop < height / 2) return;
    const index = Math.floor(element.scrollTop / height);
    const now = old[index] ? rows.findIndex(({ id }) => id === old[index]?.id) : -1;
    if (now >= 0 && now !== index) element.scrollBy({ top: (now - index) * height });
  }, [rows, box, height]);
}

/** Arrow keys go from row to row, as Tab would take for ever. */
function moveFocus(event: KeyboardEvent<HTMLElement>, show: (index: number) => void): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const here = (event.target as Element).closest<HTMLElement>("[data-index]");
  if (!step || !here) return;
  event.preventDefault();
  const index = Number(here.dataset.index) + step;
  if (index < 0) return;
  show(index);
  const rows = event.currentTarget;
  requestAnimationFrame(() =>
    rows.querySelector<HTMLElement>(`[data-index="${index}"] a`)?.focus({ preventScroll: true }),
  );
}
