/**
 * One part of the page, as a landmark with its heading.
 */
import type { ComponentChildren } from "preact"

interface Props {
  readonly id: string
  readonly title: string
  /** Beside the heading. */
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}

export const Section = ({ aside, children, id, title }: Props) => (
  <section id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
    <header class="part">
      <h2 id={`${id}-title`}>{title}</h2>
      {aside}
    </header>
    {children}
  </section>
)
