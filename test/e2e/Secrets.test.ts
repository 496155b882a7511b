import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as EmulatorAccount from "../../src/emulator/world/Account.ts"
import * as WorkDir from "../../src/emulator/world/WorkDir.ts"
import * as Secrets from "../support/Secrets.ts"
import { emulator, start } from "./support.ts"

const password = "pä s&w\"ö+/r<d>',1?%~\\"
const env = { LINGMA_ACCOUNTS: JSON.stringify([{ username: "ann", password }]) }

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-secrets-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

describe("the search for secrets", () => {
  it.scoped("finds a password in each form, in a text and in a file", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      mkdirSync(join(dir, "deep/er"), { recursive: true })
      const written = [
        ["clear", password],
        ["URL", encodeURIComponent(password)],
        ["URL", `?x=1&${new URLSearchParams({ password })}`],
        ["URL", encodeURIComponent(encodeURIComponent(password))],
        ["URL", encodeURIComponent(password).toLowerCase()],
        ["JSON", JSON.stringify({ password })],
        ["JSON", JSON.stringify({ line: JSON.stringify({ password }) })],
        ["HTML", '<input value="pä s&amp;w&quot;ö+/r&lt;d&gt;&#39;,1?%~\\">'],
        ["base64", Buffer.from(password).toString("base64")],
        ["base64", Buffer.from(`ann:${password}`).toString("base64")],
        ["base64", Buffer.from(`ab${password}cd`).toString("base64url")],
        ["hexadecimal", Buffer.from(`x${password}`).toString("hex")],
        ["UTF-16", Buffer.from(password, "utf16le")]
      ] as const
      for (const [form, text] of written) {
        const bytes = Buffer.concat([Buffer.from("before "), Buffer.from(text as string), Buffer.from(" after")])
        writeFileSync(join(dir, "deep/er/file"), bytes)
        const { found } = Secrets.look({ dir, env, texts: { stdout: "nothing" } })
        assert.include(found, `/deep/er/file: ${form}`, String(text))
      }
      writeFileSync(join(dir, "deep/er/file"), "pä s&w, and the rest")
      assert.deepStrictEqual(Secrets.look({ dir, env, texts: {} }).found, [])
      assert.deepStrictEqual(Secrets.look({ dir, env, texts: { stderr: `no ${password}` } }).found, ["stderr: clear"])
    })
  )

  it.scoped("finds the session of a work dir, current or not, anywhere but in Lingma's own file", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const workDir = WorkDir.open(join(dir, "data/lingma"), undefined)
      const account = EmulatorAccount.make("ann")
      const former = EmulatorAccount.make("ann")
      workDir.writeAccount(account)
      const look = (stdout: string) => Secrets.look({ dir, env, texts: { stdout } }).found
      assert.deepStrictEqual(look("nothing"), [])
      assert.include(look(`x${account.token}`), "stdout: clear")
      assert.include(
        look(JSON.stringify({ a: Buffer.from(account.refreshToken).toString("base64") })),
        "stdout: base64"
      )
      assert.deepStrictEqual(look(`as ${former.token} was`), ["stdout: a session's token"])
      const wrapped = Buffer.from(`{"t":"${former.refreshToken}"}`).toString("base64")
      assert.deepStrictEqual(look(`q=${wrapped}`), ["stdout: a session's token"])
    })
  )

  it.scopedLive("finds what a program lets out", () =>
    Effect.gen(function* () {
      const program = yield* start({ API_KEYS: "sk-that-gets-out" })
      const texts = { stdout: `${program.stdout()}\nBearer sk-that-gets-out` }
      const { bytes, found } = Secrets.look({ dir: program.dir, env: { API_KEYS: "sk-that-gets-out" }, texts })
      assert.deepStrictEqual(found, ["stdout: clear"])
      assert.isAbove(bytes, 1_000)
    })
  )
})

describe("what Lingma says", () => {
  it.scopedLive("reaches log and answers without the tokens in it", () =>
    Effect.gen(function* () {
      const token = EmulatorAccount.make("ann").token
      const dir = yield* directory
      const talkative = join(dir, "lingma")
      const said = [
        `session ${token} found`,
        `login at http://127.0.0.1/auth/callback?auth=0123&token=0123456789abcdef`
      ]
      writeFileSync(
        talkative,
        `#!/bin/sh\n${said.map((line) => `echo '${line}'\n`).join("")}exec "${process.execPath}" "${emulator}" "$@"\n`
      )
      chmodSync(talkative, 0o700)
      const program = yield* start({ LINGMA_BIN: talkative, LOG_LEVEL: "debug" })
      assert.include(program.stdout(), '"line":"session … found"')
      assert.notInclude(program.stdout(), "0123456789abcdef")
    })
  )
})
