/**
 * A button that is busy while its work runs, and does not begin it twice.
 */
import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { trying } from "../state/Announce.ts"

interface Props {
  readonly onPress: () => void | Promise<void>
  readonly children: ComponentChildren
  readonly kind?: "plain" | "primary" | "danger" | "quiet"
  readonly label?: string
  readonly isDisabled?: boolean
}

export const Button = ({ children, isDisabled = false, kind = "plain", label, onPress }: Props) => {
  const [isBusy, setBusy] = useState(false)
  const press = async () => {
    if (isBusy) return
    const work = onPress()
    if (work === undefined) return
    setBusy(true)
    await trying(() => work)
    setBusy(false)
  }
  return (
    <button
      type="button"
      class={`button ${kind}`}
      aria-label={label}
      aria-busy={isBusy}
      disabled={isDisabled}
      onClick={() => void press()}
    >
      {children}
    </button>
  )
}
