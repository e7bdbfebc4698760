// Where the API is: `config.json` beside the page says it, so that built files can be served from
// anywhere without being built again. An empty address means: the server that served the page.

export interface Where {
  api: string;
}

export async function readWhere(): Promise<Where> {
  const response = await fetch("/config.json", { credentials: "omit" });
  const type = response.headers.get("content-type") ?? "";
  if (response.status === 404 || !type.includes("json")) return { api: "" };
  if (!response.ok) throw new Error(`config.json: the server answered ${response.status}`);
  return { api: addressIn(await response.json()) };
}

/** Throws when the file names no usable address: a silent default would call the wrong server. */
export function addressIn(config: unknown): string {
  const api = (config as { api?: unknown } | null)?.api ?? "";
  if (typeof api !== "string" || (api !== "" && !/^https?:\/\/[^/]/.test(api))) {
    throw new Error('config.json: `api` must be an address such as "https://mail.example.com"');
  }
  return api.replace(/\/+$/, "");
}
