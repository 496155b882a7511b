/**
 * The page: a form for the key, or all parts in their order.
 */
import { Accounts } from "./parts/Accounts.tsx"
import { Bar, Lost } from "./parts/Bar.tsx"
import { Connect } from "./parts/Connect.tsx"
import { Head } from "./parts/Head.tsx"
import { HostTable } from "./parts/Hosts.tsx"
import { KeyList } from "./parts/KeyList.tsx"
import { MadeKey } from "./parts/MadeKey.tsx"
import { Now } from "./parts/Now.tsx"
import { PlotList } from "./parts/PlotList.tsx"
import { RequestList } from "./parts/RequestList.tsx"
import { SignIn } from "./parts/SignIn.tsx"
import * as Live from "./state/Live.ts"
import { phase } from "./state/Session.ts"
import { words } from "./state/Settings.ts"
import { Announcements } from "./ui/Announcements.tsx"

const Open = () =>
  Live.overview.value === null ? (
    <>
      <Lost />
      <p class="waiting" role="status">
        {words.value.loading}
      </p>
    </>
  ) : (
    <>
      <Bar />
      <HostTable />
      <Accounts />
      <KeyList />
      <Now />
      <RequestList />
      <PlotList />
      <Connect />
    </>
  )

export const App = () => (
  <>
    <a class="skip" href="#main">
      {words.value.skip}
    </a>
    <Head />
    <main id="main" tabIndex={-1}>
      {phase.value === "open" ? <Open /> : <SignIn />}
    </main>
    <MadeKey />
    <Announcements />
  </>
)
