/** Plans as they are typed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plan } from '../../../../dashboard/src/data/types-plans.ts';
import {
  definitionOf,
  draftOf,
  missingOf,
  newDraft,
  planPath,
  readSchema,
} from '../../../../dashboard/src/pages/plans/draft.ts';

const plan: Plan = {
  event_name: 'buy',
  app_id: null,
  mode: 'quarantine',
  schema: { type: 'object', required: ['price'] },
  description: null,
  owner: 'shop',
  updated_at: '2026-11-24T00:00:00.000Z',
  effective_at: '2026-11-24T00:00:05.000Z',
};

describe('a draft', () => {
  it('says what is wanting, in the order of the form', () => {
    const draft = newDraft('web');
    assert.equal(missingOf(draft, []), 'Name the event.');
    assert.equal(missingOf({ ...draft, event: 'buy' }, [plan]), null);
    assert.match(missingOf({ ...draft, event: ' buy ', app: '' }, [plan])!, /There is a plan for it already/);
    assert.equal(missingOf({ ...draft, event: 'buy', schema: '[]' }, []), 'Mend the schema.');
  });

  it('of a plan is that plan again', () => {
    const draft = draftOf(plan);
    assert.equal(missingOf(draft, [plan]), null);
    const { mode, schema, description, owner } = plan;
    assert.deepEqual(definitionOf(draft), { mode, schema, description, owner });
  });

  it('names the line in which its schema breaks', () => {
    assert.match(readSchema('{\n  "type": "object",\n}').fault!, /^Line 3: /);
    assert.match(readSchema('3').fault!, /^A schema is an object/);
    assert.deepEqual(readSchema('{"type": "object"}').value, { type: 'object' });
  });

  it('has a path for any name', () => {
    assert.equal(planPath('a/b c?', ''), '/v1/plans/a%2Fb%20c%3F');
    assert.equal(planPath('buy', 'web', '/check'), '/v1/plans/buy/check?app_id=web');
  });
});
