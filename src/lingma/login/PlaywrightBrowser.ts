/**
 * `Browser` implementation with Playwright, loaded on first use; the browser process belongs to a scope.
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

/** Which browser to use, and whether to show it. */
export interface BrowserOptions {
  /** Path of the browser; undefined = search for one. */
  readonly executable: string | undefined
  /** Whether to run without a window. */
  readonly headless: boolean
}

/** Time limit for a browser start, in ms. */
const LAUNCH_MILLIS = 60_000
const CLOSE_MILLIS = 5_000
const patience = Duration.seconds(10)

const missing = () =>
  new SignInStopped({ reason: "browser_missing", detail: "the package playwright is missing", again: false })
const load = Effect.tryPromise({ try: () => import("playwright"), catch: missing })

/** Environment variables for the browser; excludes secrets. */
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

/** The first `close` is graceful; a second one, while the first is pending, kills. */
const close = (browser: Chromium): Effect.Effect<void> =>
  Effect.promise(async () => {
    const asked = browser.close().catch(() => {})
    // Node's timer: Playwright's promise cannot be interrupted.
    const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), CLOSE_MILLIS).unref())
    if ((await Promise.race([asked, late])) === "late") await browser.close().catch(() => {})
  })

/** Kills the processes that Playwright leaves behind after a start timeout. */
const killLaunched = (cause: unknown): void => {
  const pid = Number(/<launched> pid=(\d+)/.exec(String(cause))?.[1])
  if (!(pid > 1)) return
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL")
  } catch {
    // already exited
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

/** In the work directory instead of Playwright's temporary one, so that `Leftovers` finds it if the gateway is killed. */
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
    // Retries, because a last browser process may still be writing.
    (path) =>
      Effect.ignore(Effect.tryPromise(() => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })))
  )

/** A `Browser` that starts one browser process per login. */
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
            // The persistent context itself is unused, because it would write cookies to disk.
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

    /** Uses the sandbox if it works: not as root, and not in some containers. */
    const started = (
      executablePath: string,
      directory: string,
      timeout: number
    ): Effect.Effect<Chromium, SignInStopped, Scope.Scope> => {
      const isRoot = process.getuid?.() === 0
      // Node's clock, like the timeouts of Playwright that it is subtracted from.
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
          // Close popups.
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
        const browser = yield* started(executable, directory, Math.min(LAUNCH_MILLIS, Duration.toMillis(ask.timeout)))
        const { context, page } = yield* opened(browser)
        yield* PageDriver.run(context, page, ask)
      }).pipe(
        Effect.scoped,
        // The page has its own deadline; this one is for a hung browser.
        Effect.timeoutFail({
          duration: Duration.sum(ask.timeout, patience),
          onTimeout: () =>
            new SignInStopped({ reason: "timed_out", detail: "the login page did not finish", again: false })
        })
      )

    return Browser.of({ path, signIn })
  })

/** A `Browser` with Playwright, which is loaded at the first login. */
export const layer = (options: BrowserOptions): Layer.Layer<Browser> => Layer.scoped(Browser, make(options))
