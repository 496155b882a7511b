/**
 * The frame of the page, signing in, the bar and the accounts, in English.
 */
export const frame = {
  units: { ms: "ms", s: "s", min: "min", h: "h", d: "d" },
  title: "Lingma gateway",
  skip: "Skip to the content",
  parts: "Parts of this page",
  language: "Language",
  theme: { label: "Theme", auto: "Auto", light: "Light", dark: "Dark" },
  signOut: "Sign out",
  loading: "Loading…",
  none: "None",
  all: "All",
  unknown: "unknown",
  more: "Show more",
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Press Ctrl+C to copy",
  asTable: "As a table",
  refresh: "Refresh",
  signIn: {
    title: "Sign in",
    help: "With an admin key. It stays in the memory of this page and is gone when you close it.",
    key: "Admin key",
    button: "Sign in",
    wrong: "This key is wrong.",
    notAdmin: "This key is right, but it is no admin key.",
    needed: "The gateway needs a key now.",
    ended: "The key is no longer accepted. Sign in again.",
    foreign: "The gateway does not accept administrators at this address.",
    unreachable: "The gateway does not answer. Trying again…"
  },
  link: {
    live: "Live",
    connecting: "Connecting…",
    lost: (seconds: number) =>
      seconds > 0
        ? `The gateway does not answer. What you see is old. Trying again in ${seconds} s.`
        : "The gateway does not answer. What you see is old. Trying again…",
    back: "The gateway answers again.",
    newer: (version: string) => `The gateway is now ${version}. Reload for its page.`,
    reload: "Reload",
    now: "Try now"
  },
  bar: {
    title: "State",
    baseUrl: "Base URL",
    uptime: "Up",
    ready: "Ready",
    inFlight: "In flight",
    queued: "Queued",
    oldest: "Oldest wait",
    of: (part: string, whole: string) => `${part} / ${whole}`,
    good: "All is well."
  },
  accounts: {
    title: "Accounts",
    noAccount: "no account",
    emulated: "emulator",
    states: {
      serving: "serving",
      attached: "attached",
      signing_in: "signing in",
      signed_out: "signed out",
      resting: "resting",
      restarting: "restarting"
    },
    until: (time: string) => `until ${time}`,
    chats: "Chats today",
    tokens: "Tokens today",
    errorRate: "Error rate",
    lastError: "Last error",
    restarts: "Restarts",
    signIn: "Sign in",
    byHand: "Sign in by hand",
    retry: "Try again now",
    trying: "It tries again.",
    already: "It is signed in already.",
    openPage: "Open the sign-in page",
    address: "Address the browser ended at",
    addressHelp: "Once you have signed in, the browser may end at an address that does not load. Paste it here.",
    finish: "Finish",
    done: "Signed in."
  },
  failed: "That did not work",
  noAnswer: "The gateway does not answer."
}
