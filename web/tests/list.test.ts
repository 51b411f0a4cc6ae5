import { expect, it } from "vitest";
import { signOutUrl } from "../src/auth/config";
import { merge } from "../src/conversations/list";

const entry = (id: string, at: number, title = id) => ({ id, title, at });

it("a page read again replaces what is known, newest first, each once", () => {
  const merged = merge([entry("a", 3), entry("b", 2)], [entry("b", 5, "new"), entry("c", 4)]);
  expect(merged.map(({ id, title }) => [id, title])).toEqual([
    ["b", "new"],
    ["c", "c"],
    ["a", "a"],
  ]);
});

it("the sign-out address comes from the settings", () => {
  const base = { authority: "", client_id: "", scope: "", silent_frame: false };
  const sign_out = { url: "https://id.example/logout", params: { client_id: "x", logout_uri: "{origin}/" } };
  expect(signOutUrl({ ...base, sign_out }, "https://chat.example")).toBe(
    "https://id.example/logout?client_id=x&logout_uri=https%3A%2F%2Fchat.example%2F",
  );
  expect(signOutUrl({ ...base, sign_out: {} }, "https://chat.example")).toBeNull();
});
