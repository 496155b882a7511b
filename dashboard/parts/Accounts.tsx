/**
 * The instances with their accounts: how each is, what it did today, and how it is mended.
 */
import type { Instance } from "../api/Types.ts"
import { share, short, whole } from "../format/Numbers.ts"
import { clock } from "../format/Times.ts"
import { retryInstance } from "../state/Actions.ts"
import { now } from "../state/Clock.ts"
import * as Live from "../state/Live.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Badge, Facts, type Tone } from "../ui/Facts.tsx"
import { Section } from "../ui/Section.tsx"
import { LoginSteps } from "./LoginSteps.tsx"

const tones: Readonly<Record<Instance["state"], Tone>> = {
  serving: "good",
  attached: "good",
  signing_in: "busy",
  signed_out: "bad",
  resting: "warn",
  restarting: "bad"
}

const State = ({ instance: { reason, state, until } }: { readonly instance: Instance }) => {
  const { accounts } = words.value
  const time = state === "resting" && until !== null ? accounts.until(clock(until, now.value, locale.value)) : ""
  return (
    <p class="state">
      <Badge tone={tones[state]}>{[accounts.states[state], time].filter((part) => part !== "").join(" ")}</Badge>
      {reason === null ? null : <span class="reason">{reason}</span>}
    </p>
  )
}

const LastError = ({ error }: { readonly error: Instance["last_error"] }) =>
  error === null ? null : (
    <p class="last-error">
      <span class="quiet">
        {words.value.accounts.lastError}, {clock(error.at, now.value, locale.value)}
      </span>
      <span class="wrapping">{error.message}</span>
    </p>
  )

const Account = ({ instance }: { readonly instance: Instance }) => {
  const { accounts: text, bar } = words.value
  const lang = locale.value
  const mayRetry = instance.state === "resting" || instance.state === "restarting"
  return (
    <li>
      <article class="card" aria-labelledby={`instance-${instance.name}`}>
        <header>
          <h3 id={`instance-${instance.name}`}>{instance.name}</h3>
          <span class="quiet">
            {instance.account ?? text.noAccount}
            {instance.emulated ? ` · ${text.emulated}` : ""}
          </span>
        </header>
        <State instance={instance} />
        <Facts
          facts={[
            [bar.inFlight, whole(instance.in_flight, lang)],
            [text.chats, short(instance.chats_today, lang)],
            [text.tokens, short(instance.tokens_today, lang)],
            [text.errorRate, share(instance.error_rate, 1, lang)],
            [text.restarts, whole(instance.restarts, lang)]
          ]}
        />
        <LastError error={instance.last_error} />
        {mayRetry ? (
          <p class="actions">
            <Button onPress={() => retryInstance(instance.name)} label={`${text.retry}: ${instance.name}`}>
              {text.retry}
            </Button>
          </p>
        ) : null}
        <LoginSteps instance={instance} />
      </article>
    </li>
  )
}

export const Accounts = () => {
  const { accounts, none } = words.value
  const instances = Live.overview.value?.instances ?? []
  return (
    <Section id="accounts" title={accounts.title}>
      {instances.length === 0 ? <p class="quiet">{none}</p> : null}
      <ul class="grid">
        {instances.map((instance) => (
          <Account key={instance.name} instance={instance} />
        ))}
      </ul>
    </Section>
  )
}
