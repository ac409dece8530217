import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../data/api.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon, Mark } from '../ui/icon.tsx';
import { Dialog } from './dialog.tsx';

/** A header takes nothing else. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Why a key does not open the dashboard, and what would. */
function refusalWords(cause: unknown): string {
  if (!(cause instanceof ApiError)) return String(cause);
  if (cause.status === 401)
    return 'That key or token is not accepted here. It may be mistyped, revoked, rotated or expired.';
  if (cause.code === 'wrong_scope')
    return 'That key is good, but not for reading. The dashboard asks for the scope “read”.';
  return `${cause.message} ${cause.advice}`;
}

function useSignIn() {
  const { api, live, refresh } = useContext(ServicesContext);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  /** @returns false where the credential is refused */
  async function signIn(text: string): Promise<boolean> {
    const value = text.trim();
    if (!VISIBLE_ASCII.test(value)) {
      setFault(
        value === '' ? 'Enter a key or token.' : 'A key is one word of plain letters, digits and signs.',
      );
      return false;
    }
    setBusy(true);
    setFault(null);
    try {
      await api.tryCredential(value);
    } catch (cause) {
      setFault(refusalWords(cause));
      setBusy(false);
      return false;
    }
    api.setCredential(value);
    live.renew();
    refresh.set(refresh.get() + 1);
    return true;
  }
  return { busy, fault, signIn };
}

/** Stands in place of every page while the service wants to know who asks. The address stays, so that its page comes after it. */
export function SignInPage({ reason }: { reason: ApiError }) {
  const { api } = useContext(ServicesContext);
  const isChange = reason.status !== 401;
  useTitle();
  return (
    <main class="sign-in">
      <p class="sign-in-brand">
        <Mark /> Sluice
      </p>
      <div class="panel sign-in-panel">
        <h1>{isChange ? 'Use another key' : 'Sign in'}</h1>
        <Why reason={reason} wasSignedIn={api.credential !== null} />
        <KeyForm onBack={isChange ? () => api.locked.set(null) : null} />
      </div>
      <WhereKeysAre />
    </main>
  );
}

/** Says so in the browser's tab, and gives the page's title back. */
function useTitle(): void {
  useEffect(() => {
    const before = document.title;
    document.title = 'Sign in · Sluice';
    return () => {
      document.title = before;
    };
  }, []);
}

/** Covers a page that somebody was at: it waits behind, unreadable, with all that was typed. */
export function SignInDialog({ reason }: { reason: ApiError }) {
  const { api } = useContext(ServicesContext);
  const isChange = reason.status !== 401;
  const goBack = (): void => api.locked.set(null);
  const title = isChange ? 'Use another key' : 'Sign in again';
  useTitle();
  function startOver(): void {
    api.setCredential(null);
    // Loading anew forgets what the page held.
    window.location.assign('/');
  }
  return (
    <Dialog label={title} class="dialog-sign-in" onClose={goBack} isFirm={!isChange}>
      <div class="sign-in-sheet">
        <h2>{title}</h2>
        <Why reason={reason} wasSignedIn={api.credential !== null} />
        <KeyForm onBack={isChange ? goBack : null} />
        {!isChange && (
          <p class="muted small">
            The page behind, with what was typed in it, goes on when you are signed in. Are you somebody else?{' '}
            <button type="button" class="link" onClick={startOver}>
              Start over
            </button>
          </p>
        )}
      </div>
    </Dialog>
  );
}

function Why({ reason, wasSignedIn }: { reason: ApiError; wasSignedIn: boolean }) {
  if (reason.status === 401 && !wasSignedIn)
    return <p class="muted">This service shows its figures to those with a key or token only.</p>;
  const text =
    reason.status === 401
      ? 'The key that was in use here is not accepted any more: it was revoked, rotated, or has expired.'
      : reason.message;
  return (
    <p class="sign-in-why">
      <Icon name="alert" size={14} /> <span>{text}</span>
    </p>
  );
}

function KeyForm({ onBack }: { onBack: (() => void) | null }) {
  const { busy, fault, signIn } = useSignIn();
  const [value, setValue] = useState('');
  const [shown, setShown] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  async function submit(): Promise<void> {
    if (await signIn(value)) return;
    input.current?.focus();
    input.current?.select();
  }

  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label for="credential">Key or token</label>
      <div class="sign-in-line">
        <input
          id="credential"
          ref={input}
          class="input"
          // Types know no field that changes its kind.
          type={(shown ? 'text' : 'password') as 'password'}
          autocomplete="current-password"
          autocapitalize="off"
          spellcheck={false}
          placeholder="slk_…"
          aria-invalid={fault !== null}
          aria-describedby="credential-fault"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button type="button" class="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? 'Hide' : 'Show'}
        </button>
      </div>
      <p id="credential-fault" class="verdict-bad" role="alert">
        {fault}
      </p>
      <div class="sign-in-line">
        <button type="submit" class="button button-primary" aria-disabled={busy}>
          {busy ? 'Asking…' : 'Sign in'}
        </button>
        {onBack !== null && (
          <button type="button" class="button" onClick={onBack}>
            Go back
          </button>
        )}
      </div>
      <p class="muted small">It is kept in this browser until you sign out.</p>
    </form>
  );
}

function WhereKeysAre() {
  return (
    <section class="sign-in-help" aria-label="Where keys are">
      <h2>Where do I find a key?</h2>
      <dl>
        <div>
          <dt>The first one</dt>
          <dd>
            The service printed it once, at its first start: look at the beginning of its log. Where{' '}
            <code>ANALYTICS_ADMIN_KEY</code> is set, it is that.
          </dd>
        </div>
        <div>
          <dt>From an administrator</dt>
          <dd>
            Ask for a key of the scope “read”. They are made on the page “Keys and apps”, or by{' '}
            <code>sluice key create --scopes read</code>.
          </dd>
        </div>
        <div>
          <dt>Lost it?</dt>
          <dd>
            Only a hash is kept. On the machine of the service, <code>sluice key rotate key_first</code> gives
            the first key another secret.
          </dd>
        </div>
      </dl>
    </section>
  );
}
