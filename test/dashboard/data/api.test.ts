/** Who is signed in, from the first refusal on: what is asked, what is kept, and for whom. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Api, ApiError, createApi } from '../../../dashboard/src/data/api.ts';

interface Fake {
  api: Api;
  /** Path and credential of each request. */
  asked: string[];
  accept(credential: string): void;
  refuse(credential: string): void;
  /** Lets the answer to `/v1/slow` through. */
  release(): void;
}

function fake(): Fake {
  const asked: string[] = [];
  const good = new Set<string>();
  const held = Promise.withResolvers<void>();
  const fetcher = (async (path: string, { headers }: { headers: Record<string, string> }) => {
    const credential = headers.authorization?.replace('Bearer ', '') ?? '';
    asked.push(`${path} ${credential}`.trim());
    const isAnswered = path === '/health' || good.has(credential);
    if (path === '/v1/slow') await held.promise;
    const body = isAnswered ? { of: credential } : { detail: 'No.', code: 'unauthorized' };
    const type = isAnswered ? 'application/json' : 'application/problem+json';
    return new Response(JSON.stringify(body), {
      status: isAnswered ? 200 : 401,
      headers: { 'content-type': type },
    });
  }) as unknown as typeof fetch;
  return {
    api: createApi(fetcher, null),
    asked,
    accept: (credential) => good.add(credential),
    refuse: (credential) => good.delete(credential),
    release: held.resolve,
  };
}

const refused = (cause: unknown): boolean => cause instanceof ApiError && cause.status === 401;

describe('the credential in use', () => {
  it('was of no use as long as only what is open was answered', async () => {
    const { api } = fake();
    await api.read('/health');
    await assert.rejects(api.read('/v1/apps'), refused);
    assert.equal(api.locked.get()?.status, 401);
    assert.equal(api.hasRead, false);
  });

  it('is not tried again once it was refused, but another is, and then asks', async () => {
    const { api, asked, accept } = fake();
    await assert.rejects(api.read('/v1/apps'), refused);
    await assert.rejects(api.read('/v1/plans'), refused);
    await assert.rejects(api.send('/v1/plans/x', {}), refused);
    assert.deepEqual(asked, ['/v1/apps']);
    accept('b');
    await assert.rejects(api.tryCredential('a'), refused);
    await api.tryCredential('b');
    assert.equal(api.hasRead, false);
    api.setCredential('b');
    assert.equal(api.locked.get(), null);
    assert.deepEqual(await api.read('/v1/plans'), { of: 'b' });
    assert.equal(api.hasRead, true);
  });

  it('that comes to an end leaves no answers to the next reader', async () => {
    const { api, accept, refuse, release } = fake();
    accept('a');
    api.setCredential('a');
    await api.read('/v1/plans');
    assert.deepEqual(api.cached('/v1/plans'), { of: 'a' });
    const before = api.reader.get();
    const late = api.read('/v1/slow');
    refuse('a');
    await assert.rejects(api.read('/v1/keys'), refused);
    accept('b');
    api.setCredential('b');
    release();
    assert.deepEqual(await late, { of: 'a' });
    assert.equal(api.reader.get(), before + 1);
    assert.equal(api.cached('/v1/plans'), undefined);
    assert.equal(api.cached('/v1/slow'), undefined);
  });

  it('of the same reader may change, and after signing out there is no page to cover', async () => {
    const { api, accept } = fake();
    accept('a');
    api.setCredential('a');
    await api.read('/v1/plans');
    api.setCredential('a-rotated');
    assert.equal(api.reader.get(), 0);
    assert.equal(api.hasRead, true);
    api.setCredential(null);
    assert.equal(api.hasRead, false);
  });
});
