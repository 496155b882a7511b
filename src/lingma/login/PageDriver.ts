/**
 * Drives one page from the login URL to Lingma's callback: takes a snapshot, asks `LoginPage` for a step, performs it.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Duration, Effect, Redacted } from "effect"
import type { BrowserContext, Frame, Page, Request } from "playwright"
import { type SignIn, SignInStopped } from "./Browser.ts"
import * as LoginHosts from "./LoginHosts.ts"
import * as LoginPage from "./LoginPage.ts"
import { choose, look, MARK } from "./PageSnapshot.ts"

const late = new SignInStopped({ reason: "timed_out", detail: "the login page did not finish", again: false })

const EVERY = 150
const STEP_MILLIS = 5_000
const MOST_VAIN = 5
/** Max screenshots kept per directory. */
const MOST_PICTURES = 5

const blank = /^(about:|chrome-error:)/

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : "?")
const refused = (url: string) =>
  new SignInStopped({
    reason: "refused_host",
    detail: `${hostOf(url)} is not in AUTO_LOGIN_HOSTS; no password was typed there`,
    again: false
  })

/** Encodings of a password in a request, to detect it in requests to other hosts. */
const forms = (password: string): ReadonlyArray<string> => [
  password,
  encodeURIComponent(password),
  new URLSearchParams({ p: password }).toString().slice(2),
  JSON.stringify(password).slice(1, -1),
  Buffer.from(password).toString("base64")
]

const picture = async (page: Page, directory: string) => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, `login-${Date.now()}.png`)
  await page.screenshot({ path, mask: page.frames().map((frame) => frame.locator("input")), timeout: STEP_MILLIS })
  chmodSync(path, 0o600)
  const old = readdirSync(directory)
    .filter((name) => /^login-\d+\.png$/.test(name))
    .sort()
    .slice(0, -MOST_PICTURES)
  for (const name of old) rmSync(join(directory, name), { force: true })
}

interface Sight {
  readonly frame: Frame
  readonly look: LoginPage.Look
}

/** The frame with the form, else the page itself; captchas and alerts count in any frame. */
const sightOf = async (page: Page, mayType: (url: string) => boolean): Promise<Sight | undefined> => {
  const sights: Array<Sight> = []
  for (const frame of page.frames()) {
    if (!mayType(frame.url())) continue
    // A frame that is navigating cannot be evaluated.
    const seen = await frame.evaluate(look, MARK).catch(() => undefined)
    if (seen !== undefined) sights.push({ frame, look: seen })
  }
  const best = sights.find((sight) => sight.look.fields.length > 0) ?? sights[0]
  if (best === undefined) return undefined
  const captcha = sights.some((sight) => sight.look.captcha)
  const alert = sights.map((sight) => sight.look.alert).join(" ")
  return { frame: best.frame, look: { ...best.look, captcha, alert } }
}

export const run = (context: BrowserContext, page: Page, ask: SignIn): Effect.Effect<void, SignInStopped> => {
  const { mayType, isCallback } = LoginHosts.make(ask.url, ask.hosts, LoginHosts.expected(ask.url).port)
  const password = Redacted.value(ask.password)
  const secrets = forms(password)
  let progress = LoginPage.begun
  let strange: string | undefined
  let called = false

  const mayVisit = (url: string) => mayType(url) || isCallback(url) || blank.test(url)
  const isMain = (request: Request) => request.isNavigationRequest() && request.frame() === page.mainFrame()
  const carries = (request: Request) => {
    const sent = `${request.url()} ${request.postData() ?? ""}`
    return secrets.some((secret) => sent.includes(secret))
  }
  const watch = async () => {
    // Redirects are not routed; they are checked below, and at each snapshot.
    await context.route("**/*", (route, request) => {
      const url = request.url()
      const lost = progress.submissions > 0 ? carries(request) && !mayType(url) : isMain(request) && !mayVisit(url)
      if (!lost) return route.continue()
      strange = url
      return route.abort()
    })
    page.on("request", (request) => {
      if (progress.submissions === 0 && isMain(request) && !mayVisit(request.url())) strange = request.url()
    })
    page.on("requestfinished", (request) => {
      if (isCallback(request.url())) called = true
    })
  }

  const found = (frame: Frame, mark: string) => frame.locator(`[${MARK}="${mark}"]`).first()
  const type = async (frame: Frame, mark: string, text: string) => {
    const here = [frame.url(), page.url()]
    const elsewhere = here.find((url) => !mayType(url))
    if (elsewhere !== undefined) throw refused(elsewhere)
    await found(frame, mark).fill(text, { timeout: STEP_MILLIS })
  }
  const press = async (frame: Frame, mark: string) => {
    const isChosen = await found(frame, mark).evaluate(choose, undefined, { timeout: STEP_MILLIS })
    if (!isChosen) await found(frame, mark).click({ timeout: STEP_MILLIS, noWaitAfter: true })
  }

  const take = async ({ frame }: Sight, step: LoginPage.Step): Promise<void> => {
    switch (step._tag) {
      case "Wait":
        return
      case "Stop":
        throw new SignInStopped({ reason: step.reason, detail: step.detail, again: false })
      case "Press":
        progress = {
          ...progress,
          tabPressed: progress.tabPressed || step.what === "tab",
          chosen: progress.chosen || step.what === "organization"
        }
        return press(frame, step.mark)
      case "Fill": {
        if (step.password !== undefined && progress.submissions >= ask.submissions) {
          throw new SignInStopped({ reason: "bad_credentials", detail: "the login form reappeared", again: false })
        }
        if (step.user !== undefined) await type(frame, step.user, ask.username)
        for (const mark of step.ticks) await found(frame, mark).check({ timeout: STEP_MILLIS, force: true })
        if (step.password !== undefined) {
          await type(frame, step.password, password)
          ask.onSubmit()
        }
        const last = step.password ?? step.user
        progress = {
          ...progress,
          userTyped: progress.userTyped || step.user !== undefined,
          submissions: progress.submissions + (step.password === undefined ? 0 : 1)
        }
        if (step.press !== undefined) await press(frame, step.press)
        else if (last !== undefined)
          await found(frame, last).press("Enter", { timeout: STEP_MILLIS, noWaitAfter: true })
      }
    }
  }

  let vain = 0
  /** Retries a step when the page changes during it, a limited number of times. */
  const attempt = async (sight: Sight, step: LoginPage.Step) => {
    try {
      await take(sight, step)
      vain = 0
    } catch (cause) {
      if (cause instanceof SignInStopped || ++vain > MOST_VAIN) throw cause
    }
  }

  const lead = async (signal: AbortSignal) => {
    // Node's clock, not Effect's: these are promises, and what they wait for is a real page.
    const deadline = performance.now() + Duration.toMillis(ask.timeout)
    await watch()
    await page.goto(ask.url, { waitUntil: "commit", timeout: 30_000 }).catch((cause: unknown) => {
      if (strange !== undefined) throw refused(strange)
      throw cause
    })
    let before = ""
    let changedAt = performance.now()
    while (!signal.aborted && !called) {
      if (performance.now() > deadline) throw late
      if (strange !== undefined) throw refused(strange)
      const url = page.url()
      if (progress.submissions === 0 && !mayVisit(url)) throw refused(url)
      const sight = mayType(url) ? await sightOf(page, mayType) : undefined
      if (sight !== undefined) {
        const { alert, fields, presses, text } = sight.look
        const now = [url, alert, fields.length, presses.length, text].join("|")
        if (now !== before) changedAt = performance.now()
        before = now
        progress = { ...progress, idleMillis: performance.now() - changedAt }
        const step = LoginPage.next(sight.look, progress, ask.organization)
        await attempt(sight, step)
        if (step._tag !== "Wait") changedAt = performance.now()
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY))
    }
  }

  const broken = (cause: unknown): SignInStopped =>
    cause instanceof SignInStopped
      ? cause
      : strange !== undefined
        ? refused(strange)
        : // Playwright's message may contain the password.
          new SignInStopped({ reason: "timed_out", detail: "unexpected error on the login page", again: true })

  return Effect.tryPromise({ try: lead, catch: broken }).pipe(
    Effect.tapError(() =>
      ask.screenshots === undefined
        ? Effect.void
        : Effect.ignore(Effect.tryPromise(() => picture(page, ask.screenshots ?? "")))
    )
  )
}
