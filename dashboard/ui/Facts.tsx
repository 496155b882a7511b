/**
 * Names and their values, side by side.
 */
import type { ComponentChildren } from "preact"

type Fact = readonly [name: string, value: ComponentChildren]

export const Facts = ({ facts, kind = "" }: { readonly facts: ReadonlyArray<Fact>; readonly kind?: string }) => (
  <dl class={`facts ${kind}`}>
    {facts.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

/** What tells a state by its colour and by its word. */
export const Badge = ({ children, tone }: { readonly children: ComponentChildren; readonly tone: Tone }) => (
  <span class={`badge ${tone}`}>{children}</span>
)
export type Tone = "good" | "busy" | "bad" | "warn" | "still"

/** How much of a limit is used. */
export const Meter = ({ label, of, used }: { readonly label: string; readonly used: number; readonly of: number }) => {
  const ratio = of > 0 ? Math.min(1, Math.max(0, used / of)) : 0
  return (
    <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="track" width="100" height="6" rx="3" />
      <rect class={ratio >= 0.9 ? "fill full" : "fill"} width={Math.round(ratio * 1000) / 10} height="6" rx="3" />
    </svg>
  )
}
