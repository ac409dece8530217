import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Funnel } from '../../../../dashboard/src/data/types.ts';
import {
  addStep,
  changeStep,
  definitionOf,
  draftOf,
  missingOf,
  newDraft,
  removeStep,
} from '../../../../dashboard/src/pages/funnels/draft.ts';

const FUNNEL: Funnel = {
  name: 'buying',
  title: null,
  app_id: 'tube',
  steps: [
    {
      name: 'Visit',
      event_name: 'page_view',
      filters: [{ field: 'country', op: 'in', value: ['DE', 'AT'] }],
    },
    {
      name: null,
      event_name: 'buy',
      filters: [
        { field: 'properties.price', op: 'gt', value: 5 },
        { field: 'properties.note', op: 'contains', value: 'a:b' },
      ],
    },
  ],
  window_seconds: 5400,
  step_window_seconds: 60,
  order: 'strict',
  count_by: 'session',
  exclusions: [{ event_name: 'leave' }],
};

describe('a funnel as it is typed', () => {
  it('is the funnel again when nothing was changed', () => {
    const { name: _, ...definition } = FUNNEL;
    assert.deepEqual(definitionOf(draftOf(FUNNEL)), definition);
    assert.equal(missingOf(draftOf(FUNNEL)), null);
  });

  it('loses the window of a step with the order', () => {
    assert.equal(definitionOf({ ...draftOf(FUNNEL), order: 'unordered' }).step_window_seconds, null);
  });

  it('says what is missing, one after the other', () => {
    let draft = newDraft();
    assert.match(missingOf(draft)!, /name/);
    draft = { ...draft, name: 'new' };
    assert.match(missingOf(draft)!, /event/);
    draft = changeStep(changeStep(draft, 0, { event: 'a' }), 1, { event: 'b' });
    assert.equal(missingOf(draft), null);
    assert.match(missingOf({ ...draft, hours: '0' })!, /hours/);
    assert.match(missingOf(changeStep(draft, 1, { filters: 'country=DE' }))!, /field:op:value/);
    assert.match(missingOf(addStep(draft))!, /event/);
    assert.deepEqual(removeStep(addStep(draft), 2), draft);
  });
});
