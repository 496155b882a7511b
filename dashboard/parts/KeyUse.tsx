/**
 * What a key has used, and how much of its limits.
 */
import type { Key, KeyUsage } from "../api/Types.ts"
import { share, short, whole } from "../format/Numbers.ts"
import { locale, words } from "../state/Settings.ts"
import { Meter } from "../ui/Facts.tsx"

export const Used = ({ figures }: { readonly figures: KeyUsage["today"] | undefined }) => {
  const { keys: text } = words.value
  const lang = locale.value
  if (figures === undefined) return <span>—</span>
  const tokens = figures.prompt_tokens + figures.completion_tokens
  return (
    <span class="used">
      <span>
        {short(figures.requests, lang)} <small>{text.requests}</small>
      </span>
      <span>
        {short(tokens, lang)} <small>{text.tokens}</small>
      </span>
    </span>
  )
}

interface BarProps {
  readonly label: string
  readonly limit: number
  /** Undefined where it is not known. */
  readonly remaining: number | undefined
}

const LimitBar = ({ label, limit, remaining }: BarProps) => {
  const { keys: text } = words.value
  const lang = locale.value
  const used = remaining === undefined ? undefined : Math.max(0, limit - remaining)
  const told = text.used(short(used, lang), short(limit, lang))
  return (
    <div class="limit">
      <span>
        {label} <small>{told}</small>
      </span>
      {used === undefined ? null : (
        <Meter label={`${label}: ${told}, ${share(used, limit, lang)}`} used={used} of={limit} />
      )}
    </div>
  )
}

export const Limits = ({ entry, usage }: { readonly entry: Key; readonly usage: KeyUsage | undefined }) => {
  const { keys: text } = words.value
  const { max_in_flight, models, requests_per_minute, tokens_per_day } = entry
  const isFree =
    requests_per_minute === null && tokens_per_day === null && max_in_flight === null && models.length === 0
  if (isFree) return <span class="quiet">{text.noLimits}</span>
  return (
    <div class="limits">
      {tokens_per_day === null ? null : (
        <LimitBar label={text.perDay} limit={tokens_per_day} remaining={usage?.limits.tokens_per_day?.remaining} />
      )}
      {requests_per_minute === null ? null : (
        <LimitBar
          label={text.perMinute}
          limit={requests_per_minute}
          remaining={usage?.limits.requests_per_minute?.remaining}
        />
      )}
      {max_in_flight === null ? null : (
        <span>
          {text.atOnce} <small>{whole(max_in_flight, locale.value)}</small>
        </span>
      )}
      {models.length === 0 ? null : <small class="wrapping">{models.join(", ")}</small>}
    </div>
  )
}
