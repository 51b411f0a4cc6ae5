/** Calls to the server with the reader's token. Every failure is an `ApiError`. */
import * as session from "../auth/session";
import type { WireError } from "./wire";

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 where no answer came at all. */
    readonly status: number,
    /** The server's stable code, or "network" / "unknown". */
    readonly code: string,
    message: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

export interface Call {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Sent again under the same key, a request is done once. */
  readonly idempotencyKey?: string;
}

/** Raises: ApiError, also where the network is down. A rejected token is renewed once. */
export async function call(path: string, options: Call = {}): Promise<Response> {
  const answer = await send(path, options, await session.token());
  if (answer.status !== 401) return accepted(answer);
  return accepted(await send(path, options, await session.renewedToken()));
}

/** The JSON of an answer. Raises: ApiError. */
export async function callJson<T>(path: string, options: Call = {}): Promise<T> {
  const answer = await call(path, options);
  try {
    return (await answer.json()) as T;
  } catch (error) {
    throw new ApiError(0, "network", String(error));
  }
}

/** Fires a request that outlives the page; nobody reads its answer. */
export function callOnLeaving(path: string, options: Call): void {
  const token = session.tokenNow();
  if (token) void fetch(path, { ...init(options, token), keepalive: true }).catch(() => undefined);
}

async function send(path: string, options: Call, token: string): Promise<Response> {
  try {
    return await fetch(path, init(options, token));
  } catch (error) {
    throw new ApiError(0, "network", String(error));
  }
}

function init(options: Call, token: string): RequestInit {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  const request: RequestInit = { method: options.method ?? "GET", headers, cache: "no-store" };
  if (options.signal) request.signal = options.signal;
  if (options.idempotencyKey) headers["idempotency-key"] = options.idempotencyKey;
  if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    request.body = JSON.stringify(options.body);
  }
  return request;
}

async function accepted(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const error = await answer.json().then(
    (body: { error?: WireError }) => body.error,
    () => undefined,
  );
  const retryAfter = Number(answer.headers.get("retry-after") ?? Number.NaN);
  const retryAfterS = Number.isFinite(retryAfter) ? retryAfter : null;
  throw new ApiError(answer.status, error?.code ?? error?.type ?? "unknown", error?.message ?? "", retryAfterS);
}
