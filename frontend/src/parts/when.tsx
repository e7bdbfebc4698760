// A moment: relative, with the exact time on hover.

import { Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";
import { exact, relative } from "./format";

const TICK_MS = 10_000;

export function When({ at, none = "–" }: { at: string | null | undefined; none?: string }) {
  const now = useNow();
  if (!at) return <>{none}</>;
  const date = new Date(at);
  return (
    <Tooltip label={exact(date)} withArrow>
      <time dateTime={at}>{relative(date, now)}</time>
    </Tooltip>
  );
}

/** The present, moving on every few seconds. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
