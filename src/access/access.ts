/**
 * The one place that decides who may do what. In: a request and the scope it needs. Out: who it is, or why not.
 *
 * Static keys of the settings come first, then the verifiers (JWT, keys of the catalogue), in order. Decisions are
 * synchronous as long as no verifier needs to wait, because the hot ingest route asks for every request.
 */
import { type AccessRequest, type AddressList, clientAddress, peerAddress } from './addresses.ts';
import { type ApiKey, findApiKey, readCredential } from './keys.ts';

export type Scope = 'ingest' | 'read' | 'admin';

export interface Principal {
  /** Stable name for rate limits and the audit; never the secret. */
  readonly id: string;
  /** App of events that name none. */
  readonly app: string;
  /** Apps it may see; null: all of them; []: none. */
  readonly apps: readonly string[] | null;
  readonly scopes: readonly Scope[];
}

export type RefusedCode = 'missing_credential' | 'invalid_credential' | 'wrong_scope' | 'address_forbidden';

export type Decision =
  | { readonly granted: true; readonly principal: Principal }
  | { readonly granted: false; readonly code: RefusedCode; readonly detail: string };

/** One of mine, and not good: why, in a sentence for its bearer. */
export interface Refusal {
  readonly refused: string;
}

/** Null: not one of mine. */
export type Verdict = Principal | Refusal | null;

/** Another kind of credential. Rejects, with an HttpProblem, when it cannot be told now. */
export type CredentialVerifier = (credential: string) => Verdict | Promise<Verdict>;

export interface Access {
  /**
   * @param queryAllowed whether `?api_key=` counts; by default for ingest only, since URLs end up in logs.
   * The WebSocket's handshake sets it, because a page can send no header there.
   */
  authorize(request: AccessRequest, scope: Scope, queryAllowed?: boolean): Decision | Promise<Decision>;
  /** Client address, as far as the trusted proxies tell it. */
  address(request: AccessRequest): string;
  /** Whether headers that an edge adds (country, forwarded) can be believed. */
  fromTrustedProxy(request: AccessRequest): boolean;
}

export interface AccessOptions {
  /** Keys of scope `ingest`; [] leaves ingest open, unless a key is asked for. */
  readonly ingestKeys: readonly ApiKey[];
  /** Whether ingest asks for a credential even without such keys. Default false. */
  readonly ingestKeyRequired?: boolean;
  /** Keys of scopes `read admin`. */
  readonly adminKeys: readonly ApiKey[];
  /** Whether `read` and `admin` are open without any admin or JWT setting: true when listening on loopback only. */
  readonly openWithoutAdminKey: boolean;
  /** Whether tokens guard `read` and `admin` beside `adminKeys`. Keys of the catalogue close no door. */
  readonly guardedByVerifiers: boolean;
  readonly verifiers: readonly CredentialVerifier[];
  readonly defaultApp: string;
  /** Empty lists allow every address. */
  readonly ingestAddresses: AddressList;
  readonly adminAddresses: AddressList;
  readonly trustedProxies: AddressList;
}

export function createAccess(options: AccessOptions): Access {
  const { ingestKeys, adminKeys, verifiers, trustedProxies } = options;
  const anonymous = grant({ id: 'anonymous', app: options.defaultApp, apps: null, scopes: ['ingest'] });
  const local = grant({ id: 'local', app: options.defaultApp, apps: null, scopes: ['read', 'admin'] });
  const ingestGrants = new Map(
    ingestKeys.map((key) => [
      key.digest,
      grant({ id: `key:${key.id}`, app: key.app, apps: null, scopes: ['ingest'] }),
    ]),
  );
  const adminGrants = new Map(
    adminKeys.map((key) => [
      key.digest,
      grant({ id: `key:${key.id}`, app: key.app, apps: null, scopes: ['read', 'admin'] }),
    ]),
  );
  const adminGuarded = adminKeys.length > 0 || options.guardedByVerifiers;
  const ingestOpen = ingestKeys.length === 0 && options.ingestKeyRequired !== true;
  const adminOpen = !adminGuarded && options.openWithoutAdminKey;

  /** The decision for a caller whose credential, if any, is not good: `fault` says why not. */
  function withoutPrincipal(scope: Scope, fault: string | null): Decision {
    if (scope === 'ingest' ? ingestOpen : adminOpen) return scope === 'ingest' ? anonymous : local;
    if (fault !== null) return refuse('invalid_credential', fault);
    return refuse('missing_credential', `Send a key or token of the scope ${scope}.`);
  }

  function known(decision: Decision, scope: Scope): Decision {
    if (!decision.granted || decision.principal.scopes.includes(scope)) return decision;
    // An open door stays open for those who carry a key of another kind.
    const open = withoutPrincipal(scope, null);
    return open.granted ? open : refuse('wrong_scope', `The credential lacks the scope ${scope}.`);
  }

  function verify(credential: string, scope: Scope, from: number): Decision | Promise<Decision> {
    for (let i = from; i < verifiers.length; i++) {
      const verdict = verifiers[i]!(credential);
      if (verdict instanceof Promise) {
        return verdict.then((late) =>
          late === null ? verify(credential, scope, i + 1) : judge(late, scope),
        );
      }
      if (verdict !== null) return judge(verdict, scope);
    }
    return withoutPrincipal(scope, 'The key or token is not known here.');
  }

  function judge(verdict: Principal | Refusal, scope: Scope): Decision {
    if ('refused' in verdict) return withoutPrincipal(scope, verdict.refused);
    return known(grant(verdict), scope);
  }

  return {
    authorize(request, scope, queryAllowed = scope === 'ingest') {
      const addresses = scope === 'ingest' ? options.ingestAddresses : options.adminAddresses;
      if (!addresses.empty && !addresses.has(clientAddress(request, trustedProxies))) {
        return refuse('address_forbidden', `The address of the client is not on the list for ${scope}.`);
      }
      const credential = readCredential(request, queryAllowed);
      if (credential === null) return withoutPrincipal(scope, null);
      const ingestKey = findApiKey(ingestKeys, credential);
      if (ingestKey !== null) return known(ingestGrants.get(ingestKey.digest)!, scope);
      const adminKey = findApiKey(adminKeys, credential);
      if (adminKey !== null) return known(adminGrants.get(adminKey.digest)!, scope);
      return verify(credential, scope, 0);
    },
    address: (request) => clientAddress(request, trustedProxies),
    fromTrustedProxy: (request) => !trustedProxies.empty && trustedProxies.has(peerAddress(request)),
  };
}

function grant(principal: Principal): Decision {
  return { granted: true, principal };
}

function refuse(code: RefusedCode, detail: string): Decision {
  return { granted: false, code, detail };
}
