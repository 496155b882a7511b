/**
 * Why something failed or rests, by the codes of the API, in English.
 */
export const errors: Readonly<Record<string, string>> = {
  backpressure: "The gateway had too many requests at once.",
  overloaded: "The gateway had too much to do.",
  shutting_down: "The gateway was shutting down.",
  chat_stopped: "An administrator stopped it.",
  not_logged_in: "No account was signed in.",
  login_failed: "Signing an account in failed.",
  login_in_progress: "An account was still being signed in.",
  upstream_not_ready: "No instance was running and connected.",
  upstream_error: "The provider failed.",
  insufficient_quota: "The quota of the account is used up.",
  rate_limit_exceeded: "A limit of the key, or of the account, was reached.",
  upstream_timeout: "The model did not answer in time.",
  content_filter: "The provider's content filter refused it.",
  too_many_images: "It had more images than the provider takes.",
  model_not_found: "No account offers this model.",
  model_not_allowed: "The key may not use this model.",
  tool_call_broken: "The model's tool call could not be read.",
  tool_call_not_produced: "The model called no tool, though it had to.",
  empty_answer: "The model answered nothing.",
  invalid_json_output: "The model's answer was not the JSON that was asked for.",
  context_length_exceeded: "The conversation is longer than the model takes.",
  unsupported_value: "The model takes no images.",
  internal_error: "The gateway itself failed."
}

/** Of a code such as `lingma_500`. */
export const providerError = (code: string) => `The provider answered with error ${code}.`

export const login: Readonly<Record<string, string>> = {
  signed_in: "Signed in.",
  idle: "Nobody is signing in.",
  running: "The gateway's browser is signing in…",
  waiting_for_person: "Waiting for you to sign in at the address below.",
  "login_failed:bad_credentials": "The user name or the password was refused.",
  "login_failed:human_needed": "The sign-in page asks for something that only a person can do.",
  "login_failed:browser_missing": "No browser was found on the gateway's machine. Sign in by hand.",
  "login_failed:timed_out": "The sign-in page did not answer in time.",
  "login_failed:refused_host": "The sign-in page led to a host where no password may be typed.",
  "login_failed:no_login_url": "Lingma gave no address to sign in at."
}

export const problems: Readonly<Record<string, (instance: string, until: string) => string>> = {
  draining: () => "The gateway is shutting down: it takes no new requests.",
  signed_out: (name) => `${name} is signed out.`,
  login_failed: (name) => `Signing in ${name} failed.`,
  quota_used_up: (name, until) => `The quota of ${name} is used up, again at ${until}.`,
  failing: (name, until) => `Requests to ${name} fail; it rests until ${until}.`,
  not_running: (name) => `${name} is not running.`,
  overloaded: () => "The gateway has too much to do and refuses new requests.",
  queue_full: () => "The queue is full: new requests are refused."
}
