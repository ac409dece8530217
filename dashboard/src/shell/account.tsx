import { useContext } from 'preact/hooks';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Popover } from '../ui/popover.tsx';

const SHOWN_CHARACTERS = 8;

/** Who is signed in, and the way out. Nothing where the service is open and no key is in use. */
export function Account() {
  const { api, location } = useContext(ServicesContext);
  const { query } = usePage();
  const { credential } = api;
  if (credential === null) return null;
  function signOut(): void {
    api.setCredential(null);
    // Loading anew forgets all that was read with the key, and hangs up the live line.
    window.location.assign('/');
  }
  return (
    <div class="account">
      <Popover label="Signed in" align="end" buttonClass="icon-button" button={<Icon name="key" />}>
        {(close) => (
          <div class="account-sheet">
            <p class="small">
              <span class="muted">Signed in with</span>
              <br />
              <code>{credential.slice(0, SHOWN_CHARACTERS)}…</code>
            </p>
            <div role="menu" aria-label="Account" class="menu">
              <button
                type="button"
                role="menuitem"
                class="menu-item"
                onClick={() => {
                  close();
                  location.go('/keys', sharedQuery(query));
                }}
              >
                <Icon name="key" /> Keys and apps
              </button>
              <button type="button" role="menuitem" class="menu-item" onClick={signOut}>
                <Icon name="leave" /> Sign out
              </button>
            </div>
          </div>
        )}
      </Popover>
    </div>
  );
}
