// Something long that a reader can watch and stop.

import { useEffect, useRef, useState } from "react";

export function useStoppable() {
  const current = useRef<AbortController | null>(null);
  const [done, setDone] = useState(0);
  const [isRunning, setRunning] = useState(false);
  useEffect(() => () => current.current?.abort(), []);

  /** Runs it, after stopping what ran before; null when it was stopped. Passes errors on. */
  const run = async <T>(
    work: (signal: AbortSignal, onProgress: (done: number) => void) => Promise<T>,
  ): Promise<T | null> => {
    current.current?.abort();
    const mine = new AbortController();
    current.current = mine;
    setDone(0);
    setRunning(true);
    try {
      const result = await work(mine.signal, setDone);
      return mine.signal.aborted ? null : result;
    } catch (error) {
      if (mine.signal.aborted) return null;
      throw error;
    } finally {
      if (current.current === mine) setRunning(false);
    }
  };
  return { run, stop: () => current.current?.abort(), done, isRunning };
}
