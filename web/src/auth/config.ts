/** The deployment's settings: the page is built once and reads them at start. */

export interface Config {
  /** Where `/.well-known/openid-configuration` is found. */
  readonly authority: string;
  readonly client_id: string;
  readonly scope: string;
  /** Whether the issuer may answer `prompt=none` inside a frame. Amazon Cognito's hosted page may not. */
  readonly silent_frame: boolean;
  /** A sign-out address of its own, for issuers without an `end_session_endpoint`. `{origin}` stands for the page's origin. */
  readonly sign_out?: { readonly url?: string; readonly params?: Readonly<Record<string, string>> } | null;
}

/** index.html has asked for them already, so this costs no time of its own. */
export async function loadConfig(): Promise<Config> {
  const answer = await fetch("/config.json");
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return (await answer.json()) as Config;
}

/** The address that signs the reader out at the issuer, where the settings name one. */
export function signOutUrl(config: Config, origin: string): string | null {
  const target = config.sign_out;
  if (!target?.url) return null;
  const url = new URL(target.url, origin);
  for (const [name, value] of Object.entries(target.params ?? {})) {
    url.searchParams.set(name, value.replaceAll("{origin}", origin));
  }
  return url.href;
}
