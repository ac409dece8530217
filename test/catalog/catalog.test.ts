import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import { testAlertCatalog } from '../contract/alerts.ts';
import { type OpenCatalogUnderTest, testCatalog } from '../contract/catalog.ts';

function makeFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-catalog-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const openSqlite: OpenCatalogUnderTest = async (t, now) => {
  const dir = join(makeFolder(t), 'made', 'when-missing');
  let open: Catalog = await openCatalog({ dir, now });
  t.after(() => open.close());
  return {
    catalog: open,
    async reopen() {
      await open.close();
      open = await openCatalog({ dir, now });
      return open;
    },
    async openAgain() {
      const another = await openCatalog({ dir, now });
      t.after(() => another.close());
      return another;
    },
  };
};
testCatalog('SQLite', openSqlite);
testAlertCatalog('SQLite', openSqlite);

test('a file that is no database is an error', async (t) => {
  const dir = makeFolder(t);
  writeFileSync(join(dir, 'catalog.sqlite'), 'this is no database, '.repeat(100));
  await assert.rejects(openCatalog({ dir }));
});

test('another process may read and write the same file', async (t) => {
  const dir = makeFolder(t);
  const [one, other] = [await openCatalog({ dir }), await openCatalog({ dir })];
  t.after(async () => {
    await one.close();
    await other.close();
  });
  await one.apps.upsert({ app_id: 'a', name: null });
  await other.apps.upsert({ app_id: 'b', name: null });
  assert.equal((await one.apps.list()).length, 2);
});
