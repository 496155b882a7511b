/**
 * The routes that the page calls, by their names in the gateway's `Api`; a test compares them with it.
 */
export const routes = {
  overview: ["GET", "/internal/overview"],
  events: ["GET", "/internal/events"],
  chats: ["GET", "/internal/chats"],
  stopChat: ["POST", "/internal/chats/:id/stop"],
  retryInstance: ["POST", "/internal/instances/:name/retry"],
  hosts: ["GET", "/internal/hosts"],
  plots: ["GET", "/internal/plots"],
  inspections: ["GET", "/internal/inspect"],
  inspection: ["GET", "/internal/inspect/:id"],
  switchInspection: ["PUT", "/internal/inspect"],
  forgetInspections: ["DELETE", "/internal/inspect"],
  ofKeys: ["GET", "/internal/usage/keys"],
  keys: ["GET", "/internal/keys"],
  createKey: ["POST", "/internal/keys"],
  changeKey: ["POST", "/internal/keys/:name"],
  rotateKey: ["POST", "/internal/keys/:name/rotate"],
  revokeKey: ["DELETE", "/internal/keys/:name"],
  loginStart: ["POST", "/internal/auto-login/start"],
  loginCallback: ["POST", "/internal/auto-login/callback"]
} as const satisfies Record<string, readonly [method: "GET" | "POST" | "PUT" | "DELETE", path: `/internal/${string}`]>

export type RouteName = keyof typeof routes

/** The address of a route, relative to the gateway's. */
export const addressOf = (
  name: RouteName,
  params: Readonly<Record<string, string>> = {},
  query: Readonly<Record<string, string | undefined>> = {}
): string => {
  const path = routes[name][1].replace(/:(\w+)/g, (_, param: string) => encodeURIComponent(params[param] ?? ""))
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  const search = new URLSearchParams(given).toString()
  return `${path.slice(1)}${search === "" ? "" : `?${search}`}`
}
