// Times of `<input type="datetime-local">`: in the reader's zone, without saying so.

/** `2030-01-31T09:05` in the reader's zone. */
export function localTime(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Null for what is no time, such as an empty field. */
export function timeIn(local: string): Date | null {
  const at = new Date(local);
  return local && !Number.isNaN(at.getTime()) ? at : null;
}

export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
