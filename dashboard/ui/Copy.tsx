/**
 * Copies a text, also where the page is no secure context and the browser's clipboard is out of reach.
 */
import { announce } from "../state/Announce.ts"
import { words } from "../state/Settings.ts"
import { Button } from "./Button.tsx"

const bySelection = (text: string): boolean => {
  const before = document.activeElement
  const area = document.createElement("textarea")
  area.value = text
  area.className = "unseen"
  // Within an open dialog nothing outside of it can be selected.
  const place = document.querySelector("dialog[open]") ?? document.body
  place.append(area)
  area.select()
  const isDone = document.execCommand("copy")
  area.remove()
  // Who pressed the button by the keyboard goes on from there.
  if (before instanceof HTMLElement) before.focus()
  return isDone
}

const copy = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return bySelection(text)
  }
}

interface Props {
  readonly text: string
  /** What is copied, for screen readers. */
  readonly what: string
  readonly kind?: "plain" | "primary" | "quiet"
}

export const Copy = ({ kind = "quiet", text, what }: Props) => (
  <Button
    kind={kind}
    label={`${words.value.copy}: ${what}`}
    onPress={async () => {
      const isDone = await copy(text)
      announce(isDone ? words.value.copied : words.value.copyFailed, !isDone)
    }}
  >
    {words.value.copy}
  </Button>
)
