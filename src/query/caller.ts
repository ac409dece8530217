import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access, Principal, Scope } from '../access/access.ts';
import { chooseApps } from '../access/apps.ts';
import { HttpProblem } from '../http/problem.ts';

/** Who asks, and which apps the answer may speak of. */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route of this plugin is open to a credential with any of these; without it, to everybody. */
    scopes?: readonly Scope[];
    /** It concerns every app at once: who is limited to some may not. */
    everyApp?: boolean;
  }
  interface FastifyRequest {
    /** Null on routes that are open to everybody. */
    caller: Principal | null;
  }
}

/** Makes the routes of this instance ask for the scope that their `config.scopes` names, before anything is read. */
export function guardRoutes(app: FastifyInstance, access: Pick<Access, 'authorize'>): void {
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    const { scopes, everyApp = false } = request.routeOptions.config;
    if (scopes === undefined) return;
    request.caller = await authorize(access, request, scopes);
    if (everyApp && request.caller.apps !== null)
      throw new HttpProblem('app_forbidden', 'This concerns every app; the credential is limited to some.');
  });
}

async function authorize(
  access: Pick<Access, 'authorize'>,
  request: FastifyRequest,
  scopes: readonly Scope[],
): Promise<Principal> {
  let refused: HttpProblem | null = null;
  for (const scope of scopes) {
    const decision = await access.authorize(request.raw, scope);
    if (decision.granted) return decision.principal;
    refused ??= new HttpProblem(decision.code, decision.detail);
  }
  throw refused ?? new HttpProblem('internal', 'The route names no scope.');
}

/**
 * The apps that a question covers: those named, as far as the caller may see them, else all of the caller's.
 * Null means every app there is. Answers 403 `app_forbidden` when one is named that the caller may not see.
 * @param named the values of `app_id`, each one or several with commas
 */
export function readApps(
  request: FastifyRequest,
  named: readonly string[] | undefined,
): readonly string[] | null {
  return chooseApps(named ?? [], request.caller?.apps ?? null);
}

/** Whether the caller may see what belongs to someone of these apps; null: of every app. */
export function coversApps({ caller }: FastifyRequest, apps: readonly string[] | null): boolean {
  const own = caller?.apps ?? null;
  return own === null || apps?.every((app) => own.includes(app)) === true;
}
