/**
 * One request: its times, its retries, and what went wrong in words. What is looked into of it comes below.
 */
import type { ChatRow } from "../api/Types.ts"
import { duration, whole } from "../format/Numbers.ts"
import { timesOf } from "../format/RequestTimes.ts"
import { locale, words } from "../state/Settings.ts"
import { Copy } from "../ui/Copy.tsx"
import { Facts } from "../ui/Facts.tsx"
import { Inspected } from "./Inspected.tsx"

const Times = ({ row }: { readonly row: ChatRow }) => {
  const { requests: text, units } = words.value
  const parts = timesOf(row)
  return (
    <div class="times">
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ from, name, share }) => (
          <rect key={name} class={`time-${name}`} x={from} width={share} height="8" />
        ))}
      </svg>
      <ul>
        {parts.map(({ millis, name }) => (
          <li key={name}>
            <span class={`dot time-${name}`} />
            {text[name]} <span class="figure">{duration(millis, units)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

const Wrong = ({ row: { error, error_code } }: { readonly row: ChatRow }) => {
  const { errors, providerError } = words.value
  if (error_code === null && error === null) return null
  const number = /_(\d+)$/.exec(error_code ?? "")?.[1]
  const sentence = errors[error_code ?? ""] ?? (number === undefined ? error_code : providerError(number))
  return (
    <p class="notice bad">
      {sentence} {error === null ? null : <span class="wrapping">{error}</span>}
    </p>
  )
}

export const RequestDetail = ({ row }: { readonly row: ChatRow }) => {
  const { now, requests: text } = words.value
  const lang = locale.value
  const tokens = (count: number) => (row.usage_source === null ? "—" : whole(count, lang))
  const estimated = row.usage_source === "estimated" ? ` (${text.estimated})` : ""
  return (
    <div class="detail">
      <Wrong row={row} />
      <Times row={row} />
      <Facts
        facts={[
          [
            text.requestId,
            <span key="id" class="url">
              <code class="wrapping">{row.request_id}</code> <Copy text={row.request_id} what={text.requestId} />
            </span>
          ],
          [text.dialect, `${row.dialect}, ${row.stream ? text.streamed : text.whole}`],
          [now.client, row.client],
          [text.asked, row.model_asked],
          [text.answered, row.model ?? "—"],
          [text.account, row.account ?? "—"],
          [text.prompt, `${tokens(row.prompt_tokens)}${estimated}`],
          [text.completion, `${tokens(row.completion_tokens)}${estimated}`],
          [text.reasoning, tokens(row.reasoning_tokens)],
          [text.toolCalls, whole(row.tool_calls, lang)],
          [text.retries, whole(row.retries, lang)]
        ]}
      />
      <Inspected row={row} />
    </div>
  )
}
