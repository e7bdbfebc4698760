// One query on a page: loading, failed, empty, there; and there but no longer fresh.

import { Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { isAway } from "../api/problem";
import { ProblemNotice } from "./problem-notice";

interface Props<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  /** What stands here while the first answer is on its way; by default some grey lines. */
  loading?: ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
}

export function Loaded<T>({ query, children, loading, isEmpty, empty }: Props<T>) {
  const { data, error } = query;
  // That the gateway is away is said once, above every page.
  const problem = isAway(error) ? null : error;
  if (data === undefined) {
    if (problem) return <ProblemNotice error={problem} onRetry={() => void query.refetch()} />;
    return loading ?? <GreyLines />;
  }
  return (
    <>
      {problem && <ProblemNotice error={problem} />}
      {isEmpty?.(data) ? empty : children(data)}
    </>
  );
}

export function GreyLines({ lines = 6, height = 28 }: { lines?: number; height?: number }) {
  return (
    <Stack gap="sm" aria-busy="true" aria-label="Loading" role="status">
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={height} radius="sm" />
      ))}
    </Stack>
  );
}
