/**
 * Tells what has just been done, and whether the page is still live.
 */
import { announcement } from "../state/Announce.ts"

export const Announcements = () => {
  const told = announcement.value
  return (
    <div class="announcements" role="status" aria-live="polite">
      {told === null ? null : <p class={told.isBad ? "bad" : undefined}>{told.text}</p>}
    </div>
  )
}
