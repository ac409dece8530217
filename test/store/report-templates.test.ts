import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readReportTemplates } from '../../src/store/report-templates.ts';
import { makeTestFolder } from '../support/clickhouse.ts';

const limit = { type: 'integer', minimum: 1, maximum: 9, default: 5 };
const about = { title: 'T', description: 'D', params: { limit }, columns: [{ name: 'n', type: 'integer' }] };
const SQL = 'SELECT count() AS n FROM {{events from -60 to 0}} WHERE timestamp < {{to}} LIMIT {limit:UInt32}';

function read(sql: string | null, json: object | null = about) {
  const folder = makeTestFolder();
  if (sql !== null) writeFileSync(join(folder, 'mine.sql'), sql);
  if (json !== null) writeFileSync(join(folder, 'mine.json'), JSON.stringify(json));
  return readReportTemplates(folder);
}

test('a template is a file of SQL and a description beside it', () => {
  const templates = read(SQL);
  assert.deepEqual([...templates.keys()], ['mine']);
  assert.deepEqual(templates.get('mine'), { ...about, name: 'mine', sql: SQL });
});

test('a fault is found when templates are read', () => {
  const wrong: [string, object | null, RegExp][] = [
    [SQL, null, /no mine\.json/],
    [SQL, { ...about, title: undefined }, /mine: .*title/],
    [SQL, { ...about, colour: 'red' }, /mine: .*additional/],
    [SQL, { ...about, columns: [] }, /columns/],
    [SQL, { ...about, columns: [{ name: 'n', type: 'blob' }] }, /columns/],
    [SQL, { ...about, columns: [...about.columns, ...about.columns] }, /two columns/],
    [SQL, { ...about, titles: true }, /video_id and title/],
    [SQL, { ...about, params: {} }, /\{limit\} is no parameter/],
    [SQL, { ...about, params: { limit: { ...limit, default: 10 } } }, /default of limit/],
    [SQL, { ...about, params: { limit: { type: 'integer', default: 1 } } }, /params/],
    [SQL, { ...about, params: { limit, other: limit } }, /other is not used/],
    // It would be one of ours.
    [SQL.replace('limit:', 'v1:'), { ...about, params: { v1: limit } }, /params/],
    [SQL.replace('limit:', 'bots:'), { ...about, params: { bots: limit } }, /every template/],
    [SQL.replace('{{to}}', '{{until}}'), about, /\{\{until\}\} is no placeholder/],
    [SQL.replace('{{to}}', '{{to + 1}}'), about, /\{\{to \+ 1\}\} cannot be read/],
    [SQL.replace('{{events from -60 to 0}}', 'events'), about, /it reads events/],
    [`${SQL}\nUNION ALL\nSELECT 1 from\n  views`, about, /it reads views/],
    [`SELECT 1 FROM {{events}} AS a LEFT JOIN other USING (x) LIMIT {limit:UInt32}`, about, /it reads other/],
  ];
  for (const [sql, json, message] of wrong) assert.throws(() => read(sql, json), message, sql);
});

test('every fault is told at once', () => {
  assert.throws(
    () => read(SQL.replace('{{to}}', '{{until}}'), { ...about, title: 1 }),
    /title.*\{\{until\}\}/,
  );
});

test('the templates that come with the service are sound', () => {
  for (const [name, { title, description, params }] of readReportTemplates()) {
    assert.match(name, /^[a-z_]+$/);
    assert.ok(title !== '' && description.endsWith('.'), name);
    for (const [param, { description: what }] of Object.entries(params))
      assert.ok(what?.endsWith('.'), `${name} ${param}`);
  }
});
