import { beforeEach, describe, expect, it } from "vitest";
import { Drafts } from "../src/kit/drafts";

describe("a draft", () => {
  let time = 0;
  const open = () => new Drafts(localStorage, () => ++time);

  beforeEach(() => localStorage.clear());

  it("survives a reload", () => {
    open().set("conv_1", "half a thought");

    expect(open().get("conv_1")).toBe("half a thought");
    expect(open().get("conv_2")).toBe("");
  });

  it("is gone when its text is", () => {
    open().set("new", "x");
    open().set("new", "");

    expect(localStorage.length).toBe(0);
  });

  it("makes room by dropping the oldest", () => {
    for (let n = 0; n < 60; n++) open().set(`conv_${n}`, `text ${n}`);

    expect(localStorage.length).toBe(50);
    expect(open().get("conv_9")).toBe("");
    expect(open().get("conv_59")).toBe("text 59");
  });

  it("is empty where the storage holds something else", () => {
    localStorage.setItem("parley.draft.new", "{not json");
    expect(open().get("new")).toBe("");
    localStorage.setItem("parley.draft.new", "[1]");
    expect(open().get("new")).toBe("");
  });

  it("lives on without storage", () => {
    const full = {
      ...localStorage,
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
    } as unknown as Storage;
    expect(() => new Drafts(full).set("new", "x")).not.toThrow();
  });
});
