/** Builds the pages into the service's package, which hands them out. */

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  // Addresses are relative: where the service lives is known only when it answers.
  base: './',
  plugins: [react()],
  build: {
    outDir: '../../hub/outrider_service/portal/static',
    emptyOutDir: true,
    target: 'es2022',
    // The pages' policy allows no inline data but images, and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
