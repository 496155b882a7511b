/**
 * Checks of the settings: each wrong one, names that are none, who can read the file, the tokenizer.
 */
import { readFileSync, statSync } from "node:fs"
import { Effect, Option } from "effect"
import * as Config from "../../config/Config.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

/** `GATEWAY_PORT must be …` as subject and what. */
const ofMessage = (message: string): Finding => {
  const [, subject = "settings", what = message] = /^([A-Z][A-Z0-9_]+|--config)\s+(.*)$/s.exec(message) ?? []
  const isFile = subject === "--config" || / line \d+ /.test(message)
  const cure = isFile ? "correct the line, or name another file" : "correct or unset it; see lingma-gateway config show"
  return fail(isFile ? "settings.file" : "settings.invalid", subject, what, cure)
}

const secrets = new Set(Config.settings.filter(({ secret }) => secret).map(({ name }) => name))

/** Whether a line of the file sets a secret. */
const holdsSecret = (text: string) =>
  [...text.matchAll(/^\s*(?:export\s+)?([A-Z_]+)\s*=\s*\S/gm)].some(([, name]) => secrets.has(name ?? ""))

const OTHERS = 0o044

const privacy = (file: string, home: string): ReadonlyArray<Finding> => {
  try {
    if (
      process.platform === "win32" ||
      (statSync(file).mode & OTHERS) === 0 ||
      !holdsSecret(readFileSync(file, "utf8"))
    )
      return []
    const path = Terminal.short(file, home)
    return [warn("settings.readable", path, "holds secrets, and others can read it", `chmod 600 ${path}`)]
  } catch {
    return []
  }
}

const tokenizer = ({ settings }: Facts): ReadonlyArray<Finding> => {
  const path = Option.getOrUndefined(settings.tokenCounterFile)
  if (settings.tokenCounter !== "qwen" || path === undefined) return []
  try {
    const text = readFileSync(path, "utf8")
    if (typeof JSON.parse(text) === "object") return []
    return [
      fail("tokenizer.invalid", "TOKEN_COUNTER_FILE", `${path} is no tokenizer.json`, "name the model's tokenizer.json")
    ]
  } catch (error) {
    const isThere = error instanceof SyntaxError
    const what = isThere ? `${path} is no JSON` : `${path} cannot be read`
    return [
      fail(
        isThere ? "tokenizer.invalid" : "tokenizer.missing",
        "TOKEN_COUNTER_FILE",
        what,
        "name the model's tokenizer.json"
      )
    ]
  }
}

export const check = (facts: Facts): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.sync(() => {
    const { file, home, unknown, wrong } = facts
    const misspelt = unknown.map((one) =>
      warn(
        "settings.unknown",
        one.name,
        `is no setting and has no effect${one.from._tag === "File" ? ` (line ${one.from.line})` : ""}`,
        one.near === undefined ? "see .env.example for the names" : `did you mean ${one.near}?`
      )
    )
    const where = file === undefined ? "of the environment" : `(${Terminal.short(file, home)})`
    const own = wrong.length === 0 ? [ok("settings", "settings", where)] : wrong.map(ofMessage)
    return [...own, ...misspelt, ...(file === undefined ? [] : privacy(file, home)), ...tokenizer(facts)]
  })
