/**
 * A place whose content may be wider or longer than it: scrolled by the keyboard, too, so it takes the focus.
 */
import type { ComponentChildren } from "preact"

const focusable = { tabIndex: 0 } as const

export const Scrolled = ({ children, label }: { readonly label: string; readonly children: ComponentChildren }) => (
  <section class="scrolled" aria-label={label} {...focusable}>
    {children}
  </section>
)
