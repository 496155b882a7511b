/**
 * Gateways that share a database, in English.
 */
export const hosts = {
  hosts: {
    title: "Hosts",
    host: "Host",
    here: "this page",
    state: "State",
    states: { ready: "ready", unready: "not ready", away: "silent" },
    inFlight: "In flight",
    accounts: "Accounts",
    version: "Version",
    seen: "Last heard of",
    ago: (time: string) => `${time} ago`,
    warnings: {
      database_away: () => "The database does not answer: this is what was known before. Hosts go on meanwhile.",
      host_away: (names: string) => `${names} is silent: start it, or see whether it reaches the database.`,
      account_twice: (names: string) => `One account is on ${names}: they sign each other out. Keep it on one of them.`,
      settings_differ: (names: string) => `Settings differ on ${names}: compare lingma-gateway config show there.`,
      version_differs: (names: string) => `Versions differ on ${names}: bring all to the newest.`
    }
  }
}
