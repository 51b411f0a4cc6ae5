/** A chat in which nothing was said yet. */
import type { VNode } from "preact";
import { person } from "../auth/session";
import { chosenModel } from "../models";
import { text } from "../text";
import type { Thread } from "../threads/thread";
import { wantWriting } from "./frame";

export function Empty({ thread }: { readonly thread: Thread }): VNode {
  const model = chosenModel.value;
  return (
    <div class="empty">
      <h1>{greeting()}</h1>
      <p class="empty-model">{model ? text.empty.answers(model) : "\u00a0"}</p>
      <ul class="suggestions">
        {text.empty.suggestions.map(({ title, detail, prompt }) => (
          <li key={title}>
            <button type="button" onClick={() => suggest(thread, prompt)}>
              <span>{title}</span>
              <span class="suggestion-detail">{detail}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function suggest(thread: Thread, prompt: string): void {
  thread.draft.value = prompt;
  wantWriting();
}

function greeting(): string {
  const name = person.value?.name.split(/\s/, 1)[0];
  if (!name) return text.empty.anonymous;
  const hour = new Date().getHours();
  if (hour >= 5 && hour < 12) return text.empty.morning(name);
  return hour >= 12 && hour < 18 ? text.empty.afternoon(name) : text.empty.evening(name);
}
