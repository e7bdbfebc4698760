import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const WORTH_IT_BYTES = 1024;

/** Puts a packed copy beside each file, so that no server has to pack while it answers. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    writeBundle: ({ dir }) => {
      if (!dir) return;
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const content = readFileSync(join(dir, name));
        if (content.length >= WORTH_IT_BYTES) {
          writeFileSync(join(dir, `${name}.gz`), gzipSync(content, { level: 9 }));
        }
      }
    },
  };
}

// The gateway serves the built files from its own package, so that its wheel carries them.
export default defineConfig({
  plugins: [react(), packed()],
  build: {
    outDir: "../src/mail_sender/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    port: 5173,
    proxy: { "/v1": "http://127.0.0.1:8025", "/health": "http://127.0.0.1:8025" },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
