/**
 * A dialog of the browser's own: it keeps the focus, closes by Escape, and gives the focus back.
 */
import type { ComponentChildren } from "preact"
import { useEffect, useId, useRef } from "preact/hooks"
import { Announcements } from "./Announcements.tsx"

interface Props {
  readonly title: string
  readonly onClose: () => void
  /** `close` ends the dialog in a way that gives the focus back. */
  readonly children: (close: () => void) => ComponentChildren
}

export const Dialog = ({ children, onClose, title }: Props) => {
  const id = useId()
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return (
    <dialog ref={ref} aria-labelledby={id} onClose={onClose}>
      <h3 id={id}>{title}</h3>
      {children(() => ref.current?.close())}
      {/* What lies outside of an open dialog is neither seen nor told. */}
      <Announcements />
    </dialog>
  )
}
