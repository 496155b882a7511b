/**
 * The programs as few files each: they start sooner and take less memory. Libraries import `dist` as it is.
 */
import { rmSync } from "node:fs"
import { build } from "esbuild"

const outdir = "dist/bundle"

const bundle = (entryPoints) =>
  build({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    // Loaded on first use, where they are there at all.
    external: ["playwright", "gpt-tokenizer", "@huggingface/tokenizers", "bufferutil", "utf-8-validate"],
    // The names of functions stay for stack traces; `node --enable-source-maps` gives their lines back.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    // What is CommonJS inside asks for Node's own modules by `require`.
    banner: { js: 'import{createRequire as require_}from"node:module";const require=require_(import.meta.url);' },
    logLevel: "warning"
  })

rmSync(outdir, { recursive: true, force: true })
await bundle({ gateway: "dist/cli.js" })
await bundle({ emulator: "dist/emulator/Main.js" })
