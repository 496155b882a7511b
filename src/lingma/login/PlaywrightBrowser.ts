/**
 * The browser by Playwright, loaded on first use: starts, is held by a scope, and is gone with it.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Duration, Effect, Layer, type Scope } from "effect"
import type { BrowserContext, Browser as Chromium, Page } from "playwright"
import * as SharedWork from "../../runtime/SharedWork.ts"
import * as Leftovers from "../process/Leftovers.ts"
import { Browser, type SignIn, SignInStopped } from "./Browser.ts"
import * as BrowserPath from "./BrowserPath.ts"
import * as PageDriver from "./PageDriver.ts"

/** Which browser, and whether it is seen. */
export interface BrowserOptions {
  /** Path of the browser; undefined looks for one. */
  readonly executable: string | undefined
  readonly headless: boolean
}

/** A browser that hangs at its start is killed after so long. */
const launchMillis = 60_000
const closeMillis = 5_000
const patience = Duration.seconds(10)

const missing = () =>
  new SignInStopped({ reason: "browser_missing", detail: "the package playwright is missing", again: false })
const load = Effect.tryPromise({ try: () => import("playwright"), catch: missing })

/** What a browser needs of the environment; secrets are none of it. */
const environment = () =>
  Object.fromEntries(
    [
      "PATH",
      "HOME",
      "LANG",
      "TMPDIR",
      "TZ",
      "DISPLAY",
      "XAUTHORITY",
      "WAYLAND_DISPLAY",
      "XDG_RUNTIME_DIR",
      "HTTP_PROXY",
      "HTTPS_PROXY",
      "NO_PROXY",
      "http_proxy",
      "https_proxy",
      "no_proxy",
      "SystemRoot",
      "LOCALAPPDATA",
      "APPDATA"
    ].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    })
  )

/** The first close asks; a second one, while the first still waits, kills. */
const close = (browser: Chromium): Effect.Effect<void> =>
  Effect.promise(async () => {
    const asked = browser.close().catch(() => {})
    const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), closeMillis).unref())
    if ((await Promise.race([asked, late])) === "late") await browser.close().catch(() => {})
  })

/** Playwright gives a browser up that does not start in time, and leaves its processes running. */
const killLaunched = (cause: unknown): void => {
  const pid = Number(/<launched> pid=(\d+)/.exec(String(cause))?.[1])
  if (!(pid > 1)) return
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL")
  } catch {
    // gone by itself
  }
}

const unstartable = (cause: unknown) => {
  killLaunched(cause)
  return new SignInStopped({
    reason: "browser_missing",
    detail: `the browser does not start: ${String(cause).split("\n")[0]?.slice(0, 200)}`,
    again: false
  })
}

/** Where it can be found should we be killed; Playwright alone would take the place for temporary files. */
const profile = (workDir: string): Effect.Effect<string, SignInStopped, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const parent = join(resolve(workDir), Leftovers.PROFILE.parent)
        await mkdir(parent, { recursive: true, mode: 0o700 })
        return mkdtemp(join(parent, Leftovers.PROFILE.prefix))
      },
      catch: unstartable
    }),
    // The last of its processes may still be writing.
    (path) =>
      Effect.ignore(Effect.tryPromise(() => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })))
  )

/** A `Browser` that is started for each login and ended with it. */
export const make = (options: BrowserOptions) =>
  Effect.gen(function* () {
    const loading = yield* SharedWork.make(load, { keep: Duration.infinity })
    const playwright = Effect.catchTag(loading.result, "WorkBroken", missing)
    const path = Effect.map(
      Effect.option(Effect.flatMap(playwright, ({ chromium }) => Effect.try(() => chromium.executablePath()))),
      (own) => BrowserPath.find(options.executable, own._tag === "Some" ? own.value : undefined)
    )

    const launch = (executablePath: string, directory: string, timeout: number, chromiumSandbox: boolean) =>
      Effect.flatMap(playwright, ({ chromium }) =>
        Effect.tryPromise({
          try: async () => {
            // Of its own context nothing is used: that one would write cookies to the disk.
            const persistent = await chromium.launchPersistentContext(join(directory, "profile"), {
              artifactsDir: join(directory, "artifacts"),
              executablePath,
              headless: options.headless,
              chromiumSandbox,
              timeout,
              env: environment(),
              handleSIGINT: false,
              handleSIGTERM: false,
              handleSIGHUP: false,
              args: ["--disable-extensions", "--disable-sync", "--no-first-run", "--disable-background-networking"]
            })
            const browser = persistent.browser()
            if (browser !== null) return browser
            await persistent.close()
            throw new Error("a context without a browser")
          },
          catch: unstartable
        })
      )

    /** With its sandbox where that works: not as root, and not in every container. */
    const started = (
      executablePath: string,
      directory: string,
      timeout: number
    ): Effect.Effect<Chromium, SignInStopped, Scope.Scope> => {
      const isRoot = process.getuid?.() === 0
      const began = performance.now()
      const left = () => Math.max(1_000, timeout - (performance.now() - began))
      const start = isRoot
        ? launch(executablePath, directory, timeout, false)
        : Effect.catchAll(launch(executablePath, directory, timeout, true), () =>
            Effect.suspend(() => launch(executablePath, directory, left(), false))
          )
      return Effect.acquireRelease(start, close)
    }

    const opened = (browser: Chromium): Effect.Effect<{ context: BrowserContext; page: Page }, SignInStopped> =>
      Effect.tryPromise({
        try: async () => {
          const context = await browser.newContext({ acceptDownloads: false, serviceWorkers: "block", permissions: [] })
          const page = await context.newPage()
          // A second window is none of ours.
          context.on("page", (other) => void (other === page || other.close().catch(() => {})))
          return { context, page }
        },
        catch: unstartable
      })

    const signIn = (ask: SignIn) =>
      Effect.gen(function* () {
        const executable = yield* path
        if (executable === undefined) {
          return yield* new SignInStopped({
            reason: "browser_missing",
            detail: "no browser found: install Chromium or Chrome, or name one in AUTO_LOGIN_BROWSER",
            again: false
          })
        }
        const directory = yield* profile(ask.workDir)
        const browser = yield* started(executable, directory, Math.min(launchMillis, Duration.toMillis(ask.timeout)))
        const { context, page } = yield* opened(browser)
        yield* PageDriver.run(context, page, ask)
      }).pipe(
        Effect.scoped,
        // The page has its own deadline; this is for a browser that hangs.
        Effect.timeoutFail({
          duration: Duration.sum(ask.timeout, patience),
          onTimeout: () =>
            new SignInStopped({ reason: "timed_out", detail: "the page did not come to an end", again: false })
        })
      )

    return Browser.of({ path, signIn })
  })

/** A `Browser` by Playwright, which is loaded at the first login. */
export const layer = (options: BrowserOptions): Layer.Layer<Browser> => Layer.scoped(Browser, make(options))
