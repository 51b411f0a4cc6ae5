import { defineConfig } from "vitest/config";

const gateway = `http://127.0.0.1:${process.env.PORT ?? "8080"}`;

export default defineConfig({
  build: {
    // The page's Content-Security-Policy allows neither data: scripts nor inline anything.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox128", "safari17.5"],
    rollupOptions: { input: { index: "index.html", silent: "silent.html" } },
  },
  // `npm run dev` shows the page with hot reload beside a running `parley up`.
  server: {
    proxy: Object.fromEntries(["/v1", "/oidc", "/config.json", "/healthz"].map((path) => [path, gateway])),
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.{ts,tsx}"], restoreMocks: true },
});
