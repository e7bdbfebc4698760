import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The gateway serves the built files from its own package, so that its wheel carries them.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/mail_sender/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: false,
    reportCompressedSize: true,
  },
  server: {
    port: 5173,
    proxy: { "/v1": "http://127.0.0.1:8025", "/health": "http://127.0.0.1:8025" },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
