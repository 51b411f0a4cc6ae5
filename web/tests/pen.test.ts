import { expect, it } from "vitest";
import { newLive } from "../src/threads/message";
import { Pen } from "../src/threads/pen";

it("what is on the page stays until a replay has come as far", () => {
  const live = newLive("reconnecting", "resp_1");
  live.text.value = "Once upon";
  const pen = new Pen(live);
  const shown: string[] = [];

  for (const part of ["", "Once", "Once upon", "Once upon a time"]) {
    pen.write(part, "");
    pen.flush();
    shown.push(live.text.value);
  }

  expect(shown).toEqual(["Once upon", "Once upon", "Once upon", "Once upon a time"]);
  expect(live.phase.value).toBe("writing");
});

it("an answer that has only been thought about is not being written yet", () => {
  const live = newLive("resumed", "resp_1");
  const pen = new Pen(live);

  pen.write("", "Hm.");
  pen.flush();

  expect([live.phase.value, live.thought.value]).toEqual(["thinking", "Hm."]);
});

it("takes everything off the page at once when it is taken back", () => {
  const live = newLive("thinking", "resp_1");
  const pen = new Pen(live);
  pen.write("Shown", "thought");
  pen.flush();
  pen.write("Shown and more", "thought");

  pen.erase();
  pen.flush();

  expect([live.text.value, live.thought.value, live.phase.value]).toEqual(["", "", "withdrawn"]);
});
