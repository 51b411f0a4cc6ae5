/** The models on offer and the one the reader chose. */
import { computed, signal } from "@preact/signals";
import { listModels } from "./api/chat";
import { ApiError } from "./api/http";
import type { WireModel } from "./api/wire";
import { keep, local } from "./kit/storage";

const name = "parley.model";

export const models = signal<readonly WireModel[] | "loading" | "failed">("loading");
const wanted = signal<string | null>(local.getItem(name));

/** The chosen model where it is still on offer, else the first one; null while none is known. */
export const chosenModel = computed(() => {
  const known = models.value;
  if (!Array.isArray(known)) return wanted.value;
  return known.some((model: WireModel) => model.id === wanted.value)
    ? wanted.value
    : ((known[0]?.id as string) ?? null);
});

export function chooseModel(id: string): void {
  wanted.value = id;
  keep(name, id);
}

let loading: Promise<void> | null = null;

/** Reads the models; who asks meanwhile waits for the same answer. */
export function loadModels(): Promise<void> {
  loading ??= readModels().finally(() => {
    loading = null;
  });
  return loading;
}

async function readModels(): Promise<void> {
  if (models.value === "failed") models.value = "loading";
  try {
    models.value = await listModels();
  } catch {
    if (!Array.isArray(models.value)) models.value = "failed";
  }
}

/** The model to send a question to, waited for where a quick reader sends before the list is there. Raises: ApiError. */
export async function modelToAsk(): Promise<string> {
  if (chosenModel.value === null) await loadModels();
  if (chosenModel.value === null) throw new ApiError(503, "engine_unavailable", "no model is known");
  return chosenModel.value;
}
