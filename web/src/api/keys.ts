/** The accounts' calls about API keys. */
import { callJson } from "./http";
import type { WireKey, WireNewKey, WirePage } from "./wire";

const base = "/v1/api_keys";

/** All of them: the server's page is as long as an account has keys at most. */
export function listKeys(): Promise<WirePage<WireKey>> {
  return callJson(base);
}

/** Without days it stays until it is revoked. The answer alone carries the secret. */
export function createKey(name: string, days: number | null): Promise<WireNewKey> {
  return callJson(base, { method: "POST", body: days === null ? { name } : { name, expires_in_days: days } });
}

export async function revokeKey(id: string): Promise<void> {
  await callJson(`${base}/${id}`, { method: "DELETE" });
}
