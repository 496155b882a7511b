/**
 * The state of the gateway in one line; and when something is wrong, one sentence and the button that mends it.
 */
import { base } from "../api/Http.ts"
import type { Overview, Problem } from "../api/Types.ts"
import { duration, whole } from "../format/Numbers.ts"
import { clock } from "../format/Times.ts"
import { retryInstance, signInInstance } from "../state/Actions.ts"
import { now } from "../state/Clock.ts"
import * as Live from "../state/Live.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Copy } from "../ui/Copy.tsx"
import { Facts } from "../ui/Facts.tsx"
import { InspectNotice } from "./InspectNotice.tsx"

export const baseUrl = new URL("v1", base).href

const ProblemNotice = ({ problem, overview }: { readonly problem: Problem; readonly overview: Overview }) => {
  const { accounts, problems, unknown } = words.value
  const { action, code, instance, message } = problem
  const until = overview.instances.find(({ name }) => name === instance)?.until
  const text = problems[code]?.(instance ?? unknown, until ? clock(until, now.value, locale.value) : unknown) ?? message
  return (
    <div class="notice warn" role="status">
      <p>{text}</p>
      {instance === null || action === null ? null : action === "sign_in" ? (
        <Button kind="primary" onPress={() => signInInstance(instance)}>
          {accounts.signIn}
        </Button>
      ) : (
        <Button kind="primary" onPress={() => retryInstance(instance)}>
          {accounts.retry}
        </Button>
      )}
    </div>
  )
}

export const Lost = () => {
  const { link: text } = words.value
  const link = Live.link.value
  // Looked at each second.
  void now.value
  const seconds =
    link.state === "lost" && link.retryAt > 0 ? Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000)) : 0
  return (
    <div role="alert">
      {link.state === "lost" ? (
        <div class="notice bad">
          {/* Told once: the seconds are for eyes. */}
          <p>
            <span aria-hidden="true">{text.lost(seconds)}</span>
            <span class="unseen">{text.lost(0)}</span>
          </p>
          <Button onPress={Live.retryNow}>{text.now}</Button>
        </div>
      ) : null}
    </div>
  )
}

const Newer = ({ version }: { readonly version: string }) => {
  const { link: text } = words.value
  return version === Live.firstVersion.value ? null : (
    <div class="notice warn" role="status">
      <p>{text.newer(version)}</p>
      <Button onPress={() => location.reload()}>{text.reload}</Button>
    </div>
  )
}

export const Bar = () => {
  const overview = Live.overview.value
  const { bar, units } = words.value
  if (overview === null) return null
  const lang = locale.value
  const up = now.value - Date.parse(overview.started_at)
  const of = (part: number, all: number) => bar.of(whole(part, lang), whole(all, lang))
  return (
    <section id="state" aria-labelledby="state-title">
      <h2 id="state-title" class="unseen">
        {bar.title}
      </h2>
      <Lost />
      <Newer version={overview.version} />
      <InspectNotice state={overview.inspect} />
      {overview.problem === null ? null : <ProblemNotice problem={overview.problem} overview={overview} />}
      <Facts
        kind="bar"
        facts={[
          [
            bar.baseUrl,
            <span key="url" class="url">
              <code>{baseUrl}</code> <Copy text={baseUrl} what={bar.baseUrl} />
            </span>
          ],
          [bar.uptime, duration(up, units)],
          [bar.ready, of(overview.ready, overview.size)],
          [bar.inFlight, of(overview.in_flight, overview.max_in_flight)],
          [bar.queued, whole(overview.queued, lang)],
          [bar.oldest, duration(overview.oldest_wait_ms, units)]
        ]}
      />
    </section>
  )
}
