/**
 * One of several texts beside each other, each with its heading; below each other where it is narrow.
 */
import type { ComponentChildren } from "preact"
import { whole } from "../format/Numbers.ts"
import { locale, words } from "../state/Settings.ts"
import { Copy } from "./Copy.tsx"
import { Scrolled } from "./Scrolled.tsx"

interface Props {
  readonly title: string
  /** What is copied; without it there is no such button. */
  readonly copy?: string
  readonly children: ComponentChildren
}

export const Pane = ({ children, copy, title }: Props) => (
  <div class="pane">
    <div class="row">
      <h3 class="wrapping">{title}</h3>
      {copy === undefined ? null : <Copy text={copy} what={title} />}
    </div>
    {children}
  </div>
)

/** Most characters that are drawn: a prompt may have millions. */
const MOST = 200_000

export const Shown = ({ label, text }: { readonly label: string; readonly text: string }) => (
  <>
    <Scrolled label={label}>
      <pre>{text.slice(0, MOST)}</pre>
    </Scrolled>
    {text.length <= MOST ? null : (
      <p class="quiet">{words.value.inspect.more(whole(text.length - MOST, locale.value))}</p>
    )}
  </>
)
