import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../../../dashboard/src/data/alert-types.ts';
import {
  type Draft,
  definitionOf,
  draftOf,
  missingOf,
  newDraft,
} from '../../../../dashboard/src/pages/alerts/draft.ts';

const full: Draft = {
  ...newDraft(null),
  name: 'low',
  metric: 'completion_rate',
  comparison: '<',
  threshold: '28',
  windowMinutes: '90',
  forMinutes: '0.5',
  filters: 'country:in:DE, AT; watch_ms:gt:5',
};

test('a draft becomes a definition, shares in percent, times in minutes, and the other way round', () => {
  const definition = definitionOf(full);
  assert.deepEqual(definition, {
    title: null,
    app_id: null,
    metric: 'completion_rate',
    filters: [
      { field: 'country', op: 'in', value: ['DE', 'AT'] },
      { field: 'watch_ms', op: 'gt', value: 5 },
    ],
    bots: false,
    window_seconds: 5400,
    comparison: '<',
    threshold: 0.28,
    for_seconds: 30,
    webhook_url: null,
    enabled: true,
  });
  const alert = { ...definition, name: 'low', kind: 'rule' } as Alert;
  assert.deepEqual(draftOf(alert), {
    ...full,
    filters: 'country:in:DE,AT; watch_ms:gt:5',
    isNew: false,
  });
  for (const threshold of ['0.1', '7', '12.3', '99.9']) {
    const again = draftOf({ ...alert, ...definitionOf({ ...full, threshold }) });
    assert.equal(again.threshold, threshold);
  }
});

test('it says what is wanting', () => {
  assert.equal(missingOf(full), null);
  assert.match(missingOf({ ...full, name: ' ' })!, /name/);
  assert.match(missingOf({ ...full, threshold: 'many' })!, /number/);
  assert.match(missingOf({ ...full, threshold: '' })!, /number/);
  assert.match(missingOf({ ...full, windowMinutes: '0.5' })!, /at least 1/);
  assert.match(missingOf({ ...full, forMinutes: '-1' })!, /at once/);
  assert.match(missingOf({ ...full, filters: 'country=DE' })!, /field:op:value/);
});
